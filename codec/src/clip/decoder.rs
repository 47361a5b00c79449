//! From a clip to pictures, one after another.

use std::collections::BTreeMap;
use std::io::{Read, Seek, SeekFrom};
use std::sync::Arc;

use sha2::{Digest as _, Sha256};

use super::coding::{Coding, Reference, Sources};
use super::frame::{Frame, FrameKind, Head, INDEX};
use super::header::ClipHeader;
use super::index::{ClipIndex, Records};
use super::order::{Order, Place};
use crate::bitstream::{Fields, in_range};
use crate::decoder::ModelSource;
use crate::error::{DecodeError, FormatErrorKind};
use crate::image::Image;
use crate::limits::Limits;
use crate::model::{Digest, Quality};

/// What a decoder says of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameInfo {
    /// When it is shown: 0 for the first frame that is.
    pub number: u64,
    /// What it is made from.
    pub kind: FrameKind,
    /// Its quality.
    pub quality: Quality,
    /// Its bytes in the file.
    pub bytes: u64,
    /// Bytes of its motion.
    pub motion_bytes: u64,
    /// How many of its tiles are those of the frame before.
    pub held_tiles: usize,
}

/// Reads a clip frame by frame, holding one frame at a time: with
/// [`next_info`](Self::next_info) without its model, with
/// [`start`](Self::start) and [`Frames::next_frame`] as pictures.
#[derive(Debug)]
pub struct ClipDecoder<R> {
    reader: R,
    limits: Limits,
    header: Option<ClipHeader>,
    /// `None` once a part of the clip was passed over.
    records: Option<Records>,
    order: Order,
    /// The number of the next frame, if a part was passed over to get to it.
    sought: Option<u64>,
    ended: bool,
}

impl<R: Read> ClipDecoder<R> {
    /// Reads from `reader`, which should be buffered.
    pub fn new(reader: R) -> Self {
        Self {
            reader,
            limits: Limits::default(),
            header: None,
            records: Some(Records::default()),
            order: Order::default(),
            sought: None,
            ended: false,
        }
    }

    /// Decodes within `limits`. To be called before anything is read.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// What the clip says of itself. Reads no further than to its first frame.
    ///
    /// # Errors
    /// If the input fails, does not begin as a clip, or asks for frames beyond the
    /// limits.
    pub fn read_header(&mut self) -> Result<&ClipHeader, DecodeError> {
        if self.header.is_none() {
            let header = ClipHeader::read(&mut self.reader)?;
            self.limits.check_clip(&header)?;
            self.header = Some(header);
        }
        match &self.header {
            Some(header) => Ok(header),
            None => unreachable!("the header has been read"),
        }
    }

    /// Reads the next frame; `None` after the last one.
    fn read_frame(&mut self) -> Result<Option<(Frame, Place)>, DecodeError> {
        let Some(frame) = self.read_any()? else {
            return Ok(None);
        };
        let place = match (self.sought.take(), frame.kind) {
            (_, FrameKind::Between) => self.order.between()?,
            (None, _) => self.order.anchor(frame.gap)?,
            (Some(number), _) => {
                // What lies before it and follows needs a frame that was passed over.
                for _ in 0..frame.gap {
                    let passed = self.read_any()?;
                    if passed.is_none_or(|frame| frame.kind != FrameKind::Between) {
                        return Err(FormatErrorKind::Order { number }.into());
                    }
                }
                self.order = Order::after(number);
                Place::first(number)
            }
        };
        Ok(Some((frame, place)))
    }

    /// Reads whatever frame comes next.
    fn read_any(&mut self) -> Result<Option<Frame>, DecodeError> {
        if self.ended {
            return Ok(None);
        }
        let header = self.read_header()?;
        let (tiles, between) = (header.grid().count(), header.between);
        let kind = Fields::new(&mut self.reader, "a frame").byte()?;
        if kind == INDEX {
            self.order.end()?;
            self.ended = true;
            if let Some(records) = &self.records {
                records.check(&mut self.reader)?;
            }
            return Ok(None);
        }
        let head = Head::read(&mut self.reader, kind, tiles, &self.limits)?;
        in_range("the frames between two", head.gap.into(), 0, between.into())?;
        let number = self.records.as_ref().map_or(0, |records| records.frames);
        let frame = Frame::read(&mut self.reader, &head, number)?;
        if let Some(records) = &mut self.records {
            records.add(frame.kind, head.frame_bytes());
        }
        Ok(Some(frame))
    }

    /// Reads a frame and checks it as far as that goes without its model; `None` after
    /// the last one. Frames come in the order of the file.
    ///
    /// # Errors
    /// See [`DecodeError`]; never `UnknownModel` or `Model`.
    pub fn next_info(&mut self) -> Result<Option<FrameInfo>, DecodeError> {
        let frame = self.read_frame()?;
        Ok(frame.map(|(frame, place)| info(&frame, place.number)))
    }

    /// Finds the model, so that frames can be decoded.
    ///
    /// # Errors
    /// If the header cannot be read, the model or its temporal prior is not here, or
    /// decoding would take more memory than the limits allow.
    pub fn start(mut self, models: &dyn ModelSource) -> Result<Frames<'_, R>, DecodeError> {
        let header = self.read_header()?.clone();
        let (id, digest) = (header.model, header.digest);
        let unknown = |digest| DecodeError::UnknownModel { id, digest };
        let model = models.find(id, digest).ok_or_else(|| unknown(digest))?;
        let none = Digest([0; 4]);
        let temporal = model.temporal().map_or(none, |temporal| temporal.digest());
        if header.temporal != none && header.temporal != temporal {
            return Err(unknown(header.temporal));
        }
        let coding = Coding::new(model, header);
        coding.check_memory(&self.limits)?;
        Ok(Frames {
            next: self.sought.unwrap_or_default(),
            decoder: self,
            coding,
            references: Vec::new(),
            waiting: BTreeMap::new(),
            sha: None,
        })
    }
}

impl<R: Read + Seek> ClipDecoder<R> {
    /// Goes to the intra frame at which decoding has to begin for frame `number`, and
    /// returns the number of that frame; `None` if there is no frame `number`.
    ///
    /// # Errors
    /// If the input fails.
    pub fn seek(&mut self, index: &ClipIndex, number: u64) -> Result<Option<u64>, DecodeError> {
        self.read_header()?;
        let Some(start) = index.start_of(number) else {
            return Ok(None);
        };
        let start = index.frames[start];
        let offset = SeekFrom::Start(start.offset);
        self.reader.seek(offset).map_err(DecodeError::Io)?;
        self.sought = Some(start.number);
        self.records = None;
        self.ended = false;
        Ok(self.sought)
    }
}

/// A decoded frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// What the clip says of it.
    pub info: FrameInfo,
    /// Its picture, of 16 bits a sample.
    pub image: Image,
}

/// The frames of a clip, decoded one after another.
pub struct Frames<'m, R> {
    decoder: ClipDecoder<R>,
    coding: Coding<'m>,
    /// Frames that others are made from, by their numbers.
    references: Vec<(u64, Reference)>,
    /// Frames whose turn to be shown has not come.
    waiting: BTreeMap<u64, (FrameInfo, Arc<Image>)>,
    /// The number of the frame that is shown next.
    next: u64,
    sha: Option<Sha256>,
}

impl<R: Read> Frames<'_, R> {
    /// What the clip says of itself.
    pub fn header(&self) -> &ClipHeader {
        &self.coding.header
    }

    /// Takes the SHA-256 of all symbols of the frames that follow, each as a
    /// little-endian `i32`, in coding order.
    pub fn digested(mut self) -> Self {
        self.sha = Some(Sha256::new());
        self
    }

    /// The digest of the symbols so far; `None` if it was not asked for.
    pub fn symbols_digest(&self) -> Option<[u8; 32]> {
        self.sha.clone().map(|sha| sha.finalize().into())
    }

    /// Decodes the next frame that is shown; `None` after the last one.
    ///
    /// # Errors
    /// See [`DecodeError`]. [`is_truncation`](DecodeError::is_truncation) tells a clip that
    /// ends too soon from one that is damaged: all frames before it are as they should
    /// be.
    pub fn next_frame(&mut self) -> Result<Option<Shown>, DecodeError> {
        loop {
            if let Some((info, picture)) = self.waiting.remove(&self.next) {
                self.next += 1;
                let image = self.coding.picture(&picture);
                return Ok(Some(Shown { info, image }));
            }
            let Some((info, picture)) = self.decode_any()? else {
                return Ok(None);
            };
            self.waiting.insert(info.number, (info, picture));
        }
    }

    /// Decodes the next frame of the file, for those who look at no pictures.
    ///
    /// # Errors
    /// As [`next_frame`](Self::next_frame).
    pub fn decode_next(&mut self) -> Result<Option<FrameInfo>, DecodeError> {
        Ok(self.decode_any()?.map(|(info, _)| info))
    }

    fn decode_any(&mut self) -> Result<Option<(FrameInfo, Arc<Image>)>, DecodeError> {
        let Some((frame, place)) = self.decoder.read_frame()? else {
            return Ok(None);
        };
        let reference = |number: Option<u64>| {
            let mut found = self.references.iter();
            found.find(|(n, _)| Some(*n) == number).map(|(_, r)| r)
        };
        let sources = Sources {
            before: reference(place.before),
            after: reference(place.after),
        };
        let (reference, coded) = self.coding.decode(&frame, place.number, sources)?;
        if let Some(sha) = &mut self.sha {
            sha.update(&frame.motion);
            for (past, _) in reference.pasts.iter().zip(coded).filter(|pair| pair.1) {
                for symbol in past.symbols.iter().flatten() {
                    sha.update(symbol.to_le_bytes());
                }
            }
        }
        let picture = reference.picture.clone();
        self.references.push((place.number, reference));
        let order = &self.decoder.order;
        self.references.retain(|(number, _)| order.needs(*number));
        Ok(Some((info(&frame, place.number), picture)))
    }
}

pub(super) fn info(frame: &Frame, number: u64) -> FrameInfo {
    let held = frame.tiles.iter().filter(|tile| tile.is_empty()).count();
    FrameInfo {
        number,
        kind: frame.kind,
        quality: frame.quality,
        bytes: frame.bytes(),
        motion_bytes: frame.motion.len() as u64,
        held_tiles: match frame.kind {
            FrameKind::Intra => 0,
            FrameKind::Predicted | FrameKind::Between => held,
        },
    }
}

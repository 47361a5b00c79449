//! From a picture to a file.

mod filters;
mod tiles;

use std::io::Write;

use crate::bitstream::{
    Header, Index, MAX_METADATA, MAX_SIDE, MetadataKind, StreamName, write_stream,
};
use crate::decoder::Decoder;
use crate::error::{DecodeError, EncodeError};
use crate::field::Field;
use crate::geometry::{Area, Grid};
use crate::image::{Depth, Image, Metadata, Samples};
use crate::limits::Limits;
use crate::model::Model;
use crate::options::EncodeOptions;
use crate::tiles::misfit;
use crate::walk::{fault, section_count};
use crate::wiener::Filters;
use tiles::{Tile, encode_tiles};

/// What an encoder did.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct EncodeReport {
    /// Length of the file.
    pub bytes: u64,
    /// The information in the symbols, as the tables see it, in bits.
    pub predicted_bits: f64,
    /// How many symbols were coded.
    pub symbols: u64,
    /// Bytes of each section, all tiles together.
    pub section_bytes: Vec<u64>,
    /// Bytes of alpha, of metadata and of filters.
    pub extra_bytes: u64,
    /// How many tiles there are.
    pub tiles: u64,
}

/// Encodes `image` and writes the file.
///
/// # Errors
/// If a side of the picture is longer than [`MAX_SIDE`], the model fails, or the
/// output cannot be written; part of the file may have been written then.
pub fn encode(
    image: &Image,
    model: &dyn Model,
    options: &EncodeOptions,
    writer: impl Write,
) -> Result<EncodeReport, EncodeError> {
    Encoding::new(image, model, options)?.write(writer)
}

/// An encoded picture in memory, for callers that want the file, its length and
/// the picture it decodes to from one pass.
pub struct Encoding<'m> {
    index: Index,
    /// In the order of the file.
    streams: Vec<Vec<u8>>,
    /// What was decoded of each tile, unless that would take more memory than the
    /// coding did.
    fields: Option<Vec<Field>>,
    bits: f64,
    symbols: u64,
    model: &'m dyn Model,
}

impl<'m> Encoding<'m> {
    /// Encodes `image`. Tiles are worked on in parallel, as many at a time as rayon
    /// has threads; the bytes do not depend on how many that are.
    ///
    /// # Errors
    /// If a side of the picture is longer than [`MAX_SIDE`], its metadata are longer
    /// than a stream can be, or the model fails.
    pub fn new(
        image: &Image,
        model: &'m dyn Model,
        options: &EncodeOptions,
    ) -> Result<Self, EncodeError> {
        Self::watched(image, model, options, &|_| ())
    }

    /// As [`new`](Self::new), for an effort that takes long: `watch` is told now and
    /// then, from several threads, which part is done, 0 to 1.
    ///
    /// # Errors
    /// As there.
    pub fn watched(
        image: &Image,
        model: &'m dyn Model,
        options: &EncodeOptions,
        watch: &(dyn Fn(f64) + Sync),
    ) -> Result<Self, EncodeError> {
        let (width, height) = (image.width(), image.height());
        if width.max(height) > MAX_SIDE {
            return Err(EncodeError::TooLarge {
                width,
                height,
                limit: MAX_SIDE,
            });
        }
        let grid = Grid::balanced(width, height, options.tile);
        let mut metadata = metadata_of(image.metadata())?;
        let header = Header {
            model: model.id(),
            digest: model.digest(),
            channels: image.channels(),
            depth: image.depth(),
            alpha: image.alpha().is_some(),
            coder: options.coder,
            quality: options.quality,
            trellis: options.quantiser(model).trellis,
            width,
            height,
            tile: (!grid.is_whole()).then(|| grid.tile_size()),
            sections: section_count(model)?,
            metadata: metadata.iter().map(|item| item.0).collect(),
        };
        let filtered = filters::wanted(image, model, options);
        let mut tiles = encode_tiles(image, model, options, grid, filtered, watch)?;
        let joined = tiles.iter().all(|tile| tile.joined.is_some());
        if joined {
            for tile in &mut tiles {
                tile.sections = tile.joined.take().into_iter().flatten().collect();
            }
        }
        let sections = if joined {
            header.sections.min(1)
        } else {
            header.sections
        };
        let mut header = Header { sections, ..header };
        if filtered {
            let filters = filters::fitted(image, &header, &tiles, model)?;
            if !filters.is_empty() && metadata.len() < MAX_METADATA {
                let bytes = filters.to_bytes(header.channels);
                metadata.push((MetadataKind::Filters, bytes));
                header.metadata.push(MetadataKind::Filters);
            }
        }
        Ok(Self::of(header, metadata, tiles, model))
    }

    fn of(
        header: Header,
        metadata: Vec<(MetadataKind, Vec<u8>)>,
        tiles: Vec<Tile>,
        model: &'m dyn Model,
    ) -> Self {
        let bits = tiles.iter().map(|tile| tile.counter.bits()).sum();
        let symbols = tiles.iter().map(|tile| tile.counter.symbols()).sum();
        let mut streams: Vec<Vec<u8>> = metadata.into_iter().map(|item| item.1).collect();
        let mut sections = vec![Vec::new(); header.sections];
        let mut fields = Some(Vec::new());
        for tile in tiles {
            if header.alpha {
                streams.push(tile.alpha);
            }
            for (section, stream) in sections.iter_mut().zip(tile.sections) {
                section.push(stream);
            }
            fields = fields.zip(tile.field).map(|(mut fields, field)| {
                fields.push(field);
                fields
            });
        }
        streams.extend(sections.into_iter().flatten());
        // A tile of 2^32 bytes would need more pixels than its memory allows.
        let lengths = streams.iter().map(|stream| stream.len() as u32).collect();
        Self {
            index: Index { header, lengths },
            streams,
            fields,
            bits,
            symbols,
            model,
        }
    }

    /// What the file says of itself.
    pub fn header(&self) -> &Header {
        &self.index.header
    }

    /// The information in the symbols, as the tables see it, in bits.
    pub fn predicted_bits(&self) -> f64 {
        self.bits
    }

    /// The length that the file has.
    pub fn bytes(&self) -> u64 {
        self.index.file_bytes()
    }

    /// Writes the file.
    ///
    /// # Errors
    /// If the output fails; part of the file may have been written then.
    pub fn write(&self, mut writer: impl Write) -> Result<EncodeReport, EncodeError> {
        writer.write_all(&self.index.to_bytes())?;
        for stream in &self.streams {
            write_stream(&mut writer, stream)?;
        }
        writer.flush()?;
        let mut section_bytes = vec![0; self.index.header.sections];
        let mut extra_bytes = 0;
        for (name, &length) in self.index.names().zip(&self.index.lengths) {
            match name {
                StreamName::Section { section, .. } => section_bytes[section] += u64::from(length),
                StreamName::Alpha { .. } | StreamName::Metadata(_) => {
                    extra_bytes += u64::from(length);
                }
            }
        }
        Ok(EncodeReport {
            bytes: self.bytes(),
            predicted_bits: self.bits,
            symbols: self.symbols,
            section_bytes,
            extra_bytes,
            tiles: self.index.header.grid().count(),
        })
    }

    /// The colours of the picture that the file decodes to, on this machine, without
    /// alpha and metadata.
    ///
    /// # Errors
    /// If the model fails.
    pub fn reconstruct(mut self) -> Result<Image, EncodeError> {
        let Some(fields) = self.fields.take() else {
            return self.decode();
        };
        let header = &self.index.header;
        let area = Area::of(header.width, header.height);
        let fields: Vec<&Field> = fields.iter().collect();
        let painted = |depth| filters::painted(header, &fields, self.model, area, depth);
        let samples = match self.filters() {
            Some(filters) => {
                let samples = painted(Depth::Sixteen)?;
                let (width, channels) = (header.width as usize, header.channels);
                let Samples::Sixteen(samples) = samples else {
                    return Err(misfit(self.model).into());
                };
                filters.apply(&samples, width, channels, header.depth)
            }
            None => painted(header.depth)?,
        };
        Image::new(header.width, header.height, header.channels, samples)
            .map_err(|error| fault(self.model, error.to_string()).into())
    }

    /// The filters that the file has.
    fn filters(&self) -> Option<Filters> {
        let header = &self.index.header;
        Filters::from_bytes(&self.streams[header.filters()?], header.channels).ok()
    }

    fn decode(self) -> Result<Image, EncodeError> {
        let mut file = Vec::new();
        self.write(&mut file)?;
        let source = OnlyModel(self.model);
        let image = Decoder::new(&file[..])
            .limits(Limits::none())
            .decode(&source)
            .map_err(|error| match error {
                DecodeError::Model(error) => error,
                other => fault(self.model, format!("its own file: {other}")),
            })?;
        Ok(image)
    }
}

/// A source of one model, whatever its digest.
struct OnlyModel<'m>(&'m dyn Model);

impl crate::decoder::ModelSource for OnlyModel<'_> {
    fn find(&self, _: crate::ModelId, _: crate::Digest) -> Option<&dyn Model> {
        Some(self.0)
    }
}

/// The pieces that are there, and their kinds.
fn metadata_of(metadata: &Metadata) -> Result<Vec<(MetadataKind, Vec<u8>)>, EncodeError> {
    let Metadata { icc, exif, xmp } = metadata;
    let all = [
        (MetadataKind::Icc, icc),
        (MetadataKind::Exif, exif),
        (MetadataKind::Xmp, xmp),
    ];
    let mut found = Vec::new();
    for (kind, bytes) in all {
        let Some(bytes) = bytes else { continue };
        if u32::try_from(bytes.len()).is_err() {
            return Err(EncodeError::Metadata {
                length: bytes.len() as u64,
                limit: u32::MAX.into(),
            });
        }
        found.push((kind, bytes.clone()));
    }
    Ok(found)
}

//! The decoder's middle: streams to fields to pixels.

use rayon::prelude::*;

use crate::alpha;
use crate::bitstream::{Header, StreamName};
use crate::decoder::{Decoded, Streams};
use crate::error::{DecodeError, FormatErrorKind, LimitError};
use crate::field::{Canvas, Field};
use crate::geometry::Area;
use crate::image::{Depth, Image, Samples};
use crate::limits::Limits;
use crate::model::Model;
use crate::options::DecodeOptions;
use crate::plane::plane_memory;
use crate::plot::Wanted;
use crate::tiles::{Painter, Tiling, in_flight, misfit};
use crate::walk::{Reader, WalkError, fault, section_count, walk};
use crate::wiener::{Filters, REACH};

/// A picture that is to be decoded.
pub(crate) struct Picture<'a> {
    header: &'a Header,
    model: &'a dyn Model,
    tiling: Tiling,
    wanted: Wanted,
    /// How many sections make a difference at this scale.
    sections: usize,
    /// Whether all sections of a tile are one stream.
    joined: bool,
    conceal: bool,
    tolerant: bool,
}

/// A tile's field, and how many of its sections it was made of.
struct Tile {
    number: usize,
    area: Area,
    field: Field,
    sections: usize,
}

/// What has to be decoded for filters to make what is wanted: as far around it as they
/// look, from where blocks begin.
fn filtered_from(wanted: Wanted, header: &Header) -> Wanted {
    let picture = Area::of(header.width, header.height);
    let area = wanted.area.in_units(REACH).times(REACH);
    Wanted {
        area: area.widened(REACH, &picture),
        ..wanted
    }
}

impl<'a> Picture<'a> {
    /// # Errors
    /// If the region does not lie within the picture.
    pub fn new(
        header: &'a Header,
        model: &'a dyn Model,
        options: &DecodeOptions,
    ) -> Result<Self, DecodeError> {
        let picture = Area::of(header.width, header.height);
        let region = options.region.unwrap_or(picture);
        if region.count() == 0 || region.intersection(&picture) != Some(region) {
            return Err(DecodeError::Region {
                region,
                width: header.width,
                height: header.height,
            });
        }
        let scale = options.scale.divisor();
        // Squares of a smaller picture begin at multiples of their side.
        let area = region.in_units(scale).times(scale);
        let area = area.intersection(&picture).unwrap_or(region);
        let sections = match options.scale {
            crate::Scale::Full => header.sections,
            scale => model.sections_at(scale).clamp(1, header.sections.max(1)),
        };
        let joined = section_count(model)? > header.sections;
        Ok(Self {
            header,
            model,
            tiling: Tiling::new(header.grid(), model),
            wanted: Wanted { area, scale },
            sections,
            joined,
            conceal: options.conceal,
            tolerant: options.conceal || options.partial,
        })
    }

    /// Whether all sections of a tile are one stream.
    pub fn is_joined(&self) -> bool {
        self.joined
    }

    /// # Errors
    /// If decoding takes more memory than `limits` allow.
    pub fn check_memory(&self, limits: &Limits) -> Result<(), LimitError> {
        let what = "the memory to decode it, in bytes,";
        LimitError::check(what, self.memory(), limits.max_memory)
    }

    /// An upper bound of the bytes that decoding takes: windows in flight, the fields
    /// of a few rows of tiles, the picture, and an alpha plane of a tile.
    fn memory(&self) -> u64 {
        let (header, tiling) = (self.header, &self.tiling);
        let (width, height) = tiling.largest_window();
        let tiles = (in_flight() as u64).min(tiling.grid.count());
        let windows = self.model.memory(width, height).saturating_mul(tiles);
        let field_bytes = (self.model.channels() * size_of::<f32>()) as u64;
        let fields = tiling.held().saturating_mul(field_bytes);
        let (width, height) = self.wanted.size();
        let samples = header.channels.count() + usize::from(header.alpha);
        let result = u64::from(width) * u64::from(height);
        let result = result.saturating_mul((samples * header.depth.bytes()) as u64);
        let unfiltered = match header.filters() {
            Some(_) if self.wanted.scale == 1 => {
                let area = filtered_from(self.wanted, header).area;
                // As 16 bits, and filtered before the part that is wanted is cut out.
                let sample = size_of::<u16>() + header.depth.bytes();
                let pixel = (header.channels.count() * sample) as u64;
                (u64::from(area.width) * u64::from(area.height)).saturating_mul(pixel)
            }
            _ => 0,
        };
        let alpha = if header.alpha {
            let tile = tiling.grid.tile(0, 0);
            plane_memory(tile.width, tile.height)
        } else {
            0
        };
        [windows, fields, result, unfiltered, alpha]
            .into_iter()
            .fold(0, u64::saturating_add)
    }

    pub fn decode(&self, mut streams: Streams) -> Result<Decoded, DecodeError> {
        let (width, height) = self.wanted.size();
        let (header, channels) = (self.header, self.header.channels);
        let (filters, unfiltered) = self.filters(&mut streams)?;
        let painter = Painter {
            model: self.model,
            tiling: self.tiling,
            quality: header.quality,
            wanted: match filters {
                Some(_) => filtered_from(self.wanted, header),
                None => self.wanted,
            },
        };
        let depth = match filters {
            Some(_) => Depth::Sixteen,
            None => header.depth,
        };
        let columns = painter.tiles();
        let (mut incomplete, mut known) = (Vec::new(), false);
        let samples = painter.paint::<DecodeError>(channels, depth, |row, canvas| {
            let tiles = self.row(row, &columns, &mut streams, canvas)?;
            known |= tiles.iter().any(|(_, sections)| *sections > 0);
            incomplete.extend(tiles.iter().filter(|(_, had)| *had < self.sections));
            Ok(())
        })?;
        if !known && self.sections > 0 {
            return Err(FormatErrorKind::NothingLeft.into());
        }
        let samples = match (filters, samples) {
            (Some(filters), Samples::Sixteen(samples)) => {
                let from = painter.wanted.area;
                let samples = filters.apply(&samples, from.width as usize, channels, header.depth);
                let part = self.wanted.area.seen_from(from.x, from.y);
                samples.part(from.width, &part, channels)
            }
            (_, samples) => samples,
        };
        let (metadata, mut lost) = streams.take_metadata();
        lost.extend(unfiltered);
        let image = Image::new(width, height, channels, samples);
        let broken = |error: crate::ImageError| fault(self.model, error.to_string());
        let mut image = image.map_err(broken)?.with_metadata(metadata);
        if header.alpha {
            let plane = self.alpha(&mut streams, &mut lost)?;
            image = image.with_alpha(plane).map_err(broken)?;
        }
        Ok(Decoded {
            image,
            header: header.clone(),
            bytes_used: streams.bytes_used,
            incomplete,
            lost,
        })
    }

    /// The filters that the wanted picture has: those of the file, if it is wanted in full
    /// size and not all of its tiles miss something, for they were fitted to what is whole.
    /// And their stream, if that is what is missing.
    fn filters(
        &self,
        streams: &mut Streams,
    ) -> Result<(Option<Filters>, Option<StreamName>), DecodeError> {
        let Some(number) = self.header.filters() else {
            return Ok((None, None));
        };
        let name = StreamName::Metadata(number);
        match streams.take_filters(name) {
            Ok(Some(filters)) => {
                let fits = self.wanted.scale == 1 && streams.has_whole_tile();
                Ok((fits.then_some(filters), None))
            }
            Ok(None) => Ok((None, Some(name))),
            Err(_) if self.conceal => Ok((None, Some(name))),
            Err(reason) => Err(FormatErrorKind::Filters { reason }.into()),
        }
    }

    /// Decodes a row of tiles onto the canvas, as many at a time as there are threads.
    /// Returns the tiles' numbers, and how many sections each was made of.
    fn row(
        &self,
        row: u32,
        columns: &Area,
        streams: &mut Streams,
        canvas: &mut Canvas,
    ) -> Result<Vec<(usize, usize)>, DecodeError> {
        let grid = self.tiling.grid;
        let places: Vec<(u32, usize, Vec<Vec<u8>>)> = (columns.x..columns.right())
            .map(|column| {
                let number = grid.number(column, row);
                (column, number, streams.take_sections(number))
            })
            .collect();
        let (mut tiles, mut lost) = (Vec::with_capacity(places.len()), Vec::new());
        let mut places = places.into_iter();
        loop {
            let some: Vec<_> = places.by_ref().take(in_flight()).collect();
            if some.is_empty() {
                break;
            }
            let decoded: Vec<Tile> = some
                .into_par_iter()
                .map(|(column, number, sections)| self.tile(column, row, number, sections))
                .collect::<Result<_, DecodeError>>()?;
            for tile in decoded {
                let put = canvas.put(&tile.area, &tile.field);
                put.ok_or_else(|| misfit(self.model))?;
                tiles.push((tile.number, tile.sections));
                if tile.sections == 0 && self.tolerant && self.sections > 0 {
                    lost.push(tile.area);
                }
            }
        }
        for area in &lost {
            let known = |x: u32, y: u32| !lost.iter().any(|area| area.contains(x, y));
            canvas.conceal(area, known);
        }
        Ok(tiles)
    }

    fn tile(
        &self,
        column: u32,
        row: u32,
        number: usize,
        mut sections: Vec<Vec<u8>>,
    ) -> Result<Tile, DecodeError> {
        sections.truncate(self.sections);
        let area = self.tiling.grid.tile(column, row);
        let (count, copy) = (sections.len(), self.conceal.then(|| sections.clone()));
        let (field, sections) = match self.field(&area, sections) {
            Ok(field) => (field, count),
            Err(WalkError::Stream { section, source }) => {
                // Right checksum, wrong symbols: not damage, but no worse.
                let Some(mut sections) = copy else {
                    return Err(WalkError::Stream { section, source }.in_tile(number));
                };
                sections.truncate(section);
                let retried = self.field(&area, sections);
                (retried.map_err(|error| error.in_tile(number))?, section)
            }
            Err(error) => return Err(error.in_tile(number)),
        };
        Ok(Tile {
            number,
            area: self.tiling.tile(column, row),
            field,
            sections,
        })
    }

    fn field(&self, area: &Area, sections: Vec<Vec<u8>>) -> Result<Field, WalkError> {
        let header = self.header;
        let mut latents = self
            .model
            .prepare(area.width, area.height, header.quantiser())?;
        let mut reader = Reader::new(header.coder, sections).joined(self.joined);
        walk(self.model, &mut *latents, &mut reader)?;
        reader.finish()?;
        Ok(latents.finish()?)
    }

    /// The alpha of the region: opaque where it is lost.
    fn alpha(
        &self,
        streams: &mut Streams,
        lost: &mut Vec<StreamName>,
    ) -> Result<Samples, DecodeError> {
        let grid = self.tiling.grid;
        let mut plane = alpha::Plane::new(self.wanted, self.header.depth);
        let shown = grid.touching(&self.wanted.area);
        for row in shown.y..shown.bottom() {
            for column in shown.x..shown.right() {
                let (area, tile) = (grid.tile(column, row), grid.number(column, row));
                let name = StreamName::Alpha { tile };
                let Some(stream) = streams.take(name) else {
                    lost.push(name);
                    continue;
                };
                let decoded = alpha::decode(&stream, &area, self.header.depth);
                match decoded {
                    Ok(samples) => plane.set(&area, &samples),
                    Err(_) if self.conceal => lost.push(name),
                    Err(reason) => {
                        return Err(FormatErrorKind::Plane {
                            stream: name,
                            reason,
                        }
                        .into());
                    }
                }
            }
        }
        Ok(plane.samples)
    }
}

//! The filters of a picture: fitted to what it decodes to.

use super::tiles::Tile;
use crate::bitstream::Header;
use crate::error::EncodeError;
use crate::field::Field;
use crate::geometry::Area;
use crate::image::{Depth, Image, Samples};
use crate::model::Model;
use crate::options::EncodeOptions;
use crate::plot::Wanted;
use crate::tiles::{Painter, Tiling, misfit};
use crate::wiener::{Filters, Fit, REACH};

/// Pixels of the largest picture that gets filters: what tiles decode to is kept for
/// them, five bytes a pixel of the models that ship.
const MOST_PIXELS: u64 = 1 << 24;

/// Whether a picture is to have filters.
pub(super) fn wanted(image: &Image, model: &dyn Model, options: &EncodeOptions) -> bool {
    let pixels = u64::from(image.width()) * u64::from(image.height());
    let gains = || model.gains_from_filters() && options.effort.level() > 0;
    pixels <= MOST_PIXELS && options.filters.unwrap_or_else(gains)
}

/// The filters for what `tiles`, whose fields were kept, decode to.
pub(super) fn fitted(
    image: &Image,
    header: &Header,
    tiles: &[Tile],
    model: &dyn Model,
) -> Result<Filters, EncodeError> {
    let fields: Option<Vec<&Field>> = tiles.iter().map(|tile| tile.field.as_ref()).collect();
    let fields = fields.ok_or_else(|| misfit(model))?;
    let (grid, picture) = (header.grid(), Area::of(header.width, header.height));
    let mut fit = Fit::new(header.channels);
    // A row of tiles at a time, which is what the memory of a picture allows.
    for row in 0..grid.rows() {
        let tile = grid.tile(0, row);
        let rows = Area {
            y: tile.y,
            height: tile.height,
            ..picture
        };
        let area = rows.widened(REACH, &picture);
        let samples = painted(header, &fields, model, area, Depth::Sixteen)?;
        let Samples::Sixteen(decoded) = samples else {
            return Err(misfit(model).into());
        };
        let original = sixteen(image, &area);
        let (first, rows) = ((rows.y - area.y) as usize, rows.height as usize);
        fit.add(&decoded, &original, area.width as usize, first, rows);
    }
    let sections = tiles.iter().flat_map(|tile| &tile.sections);
    let joined = tiles.iter().flat_map(|tile| tile.joined.iter().flatten());
    let bytes: usize = sections.chain(joined).map(Vec::len).sum();
    Ok(fit.filters(8.0 * bytes as f64))
}

/// The samples of `area` of the picture, by the fields of all tiles.
pub(super) fn painted(
    header: &Header,
    fields: &[&Field],
    model: &dyn Model,
    area: Area,
    depth: Depth,
) -> Result<Samples, EncodeError> {
    let tiling = Tiling::new(header.grid(), model);
    let painter = Painter {
        model,
        tiling,
        quality: header.quality,
        wanted: Wanted { area, scale: 1 },
    };
    let tiles = painter.tiles();
    painter.paint(header.channels, depth, |row, canvas| {
        let put = |column| {
            let field = fields.get(tiling.grid.number(column, row))?;
            canvas.put(&tiling.tile(column, row), field)
        };
        let put: Option<()> = (tiles.x..tiles.right()).map(put).collect();
        Ok(put.ok_or_else(|| misfit(model))?)
    })
}

/// The samples of rows of a picture, with 16 bits.
fn sixteen(image: &Image, rows: &Area) -> Vec<u16> {
    let each = image.width() as usize * image.channels().count();
    let part = rows.y as usize * each..rows.bottom() as usize * each;
    match image.samples() {
        Samples::Eight(samples) => samples[part].iter().map(|&s| u16::from(s) * 257).collect(),
        Samples::Sixteen(samples) => samples[part].to_vec(),
    }
}

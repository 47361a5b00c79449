//! Where things are: rectangles of pixels, and the grid of tiles.

/// Tiles begin at multiples of this many pixels, and so do the latents of every
/// model.
pub const TILE_UNIT: u32 = 64;

/// A rectangle, in pixels or in positions of a [`Field`](crate::Field).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Area {
    /// First column.
    pub x: u32,
    /// First row.
    pub y: u32,
    /// Columns.
    pub width: u32,
    /// Rows.
    pub height: u32,
}

impl Area {
    /// From the origin.
    pub fn of(width: u32, height: u32) -> Self {
        Self {
            x: 0,
            y: 0,
            width,
            height,
        }
    }

    /// The column after the last.
    pub fn right(&self) -> u32 {
        self.x.saturating_add(self.width)
    }

    /// The row after the last.
    pub fn bottom(&self) -> u32 {
        self.y.saturating_add(self.height)
    }

    /// Columns times rows.
    pub fn count(&self) -> usize {
        self.width as usize * self.height as usize
    }

    /// Whether it covers a place.
    pub fn contains(&self, x: u32, y: u32) -> bool {
        (self.x..self.right()).contains(&x) && (self.y..self.bottom()).contains(&y)
    }

    /// What both cover; `None` if that is nothing.
    pub fn intersection(&self, other: &Self) -> Option<Self> {
        let (x, y) = (self.x.max(other.x), self.y.max(other.y));
        let (right, bottom) = (
            self.right().min(other.right()),
            self.bottom().min(other.bottom()),
        );
        (x < right && y < bottom).then(|| Self::between(x, y, right, bottom))
    }

    /// `margin` wider on all sides, as far as `within` goes.
    pub fn widened(&self, margin: u32, within: &Self) -> Self {
        let x = self.x.saturating_sub(margin).max(within.x);
        let y = self.y.saturating_sub(margin).max(within.y);
        let right = self.right().saturating_add(margin).min(within.right());
        let bottom = self.bottom().saturating_add(margin).min(within.bottom());
        Self::between(x, y, right, bottom)
    }

    /// The smallest rectangle of units of `unit` that covers it.
    pub fn in_units(&self, unit: u32) -> Self {
        let (x, y) = (self.x / unit, self.y / unit);
        let (right, bottom) = (self.right().div_ceil(unit), self.bottom().div_ceil(unit));
        Self::between(x, y, right, bottom)
    }

    /// The rectangle of what was units of `unit`.
    pub fn times(&self, unit: u32) -> Self {
        let [x, y, width, height] =
            [self.x, self.y, self.width, self.height].map(|v| v.saturating_mul(unit));
        Self {
            x,
            y,
            width,
            height,
        }
    }

    /// As seen from (`x`, `y`), which must not lie right of it or below.
    pub fn seen_from(&self, x: u32, y: u32) -> Self {
        Self {
            x: self.x - x,
            y: self.y - y,
            ..*self
        }
    }

    fn between(x: u32, y: u32, right: u32, bottom: u32) -> Self {
        Self {
            x,
            y,
            width: right.saturating_sub(x),
            height: bottom.saturating_sub(y),
        }
    }
}

/// How a picture is divided into tiles: from the top left corner, all of one size
/// but those of the last column and the last row, which may be smaller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grid {
    picture: Area,
    tile_width: u32,
    tile_height: u32,
}

impl Grid {
    /// One tile.
    pub fn whole(width: u32, height: u32) -> Self {
        Self {
            picture: Area::of(width, height),
            tile_width: width.max(1),
            tile_height: height.max(1),
        }
    }

    /// Tiles of `tile_width` by `tile_height`, multiples of [`TILE_UNIT`].
    pub fn new(width: u32, height: u32, tile_width: u32, tile_height: u32) -> Self {
        let unit = |side: u32| side.max(1).next_multiple_of(TILE_UNIT);
        Self {
            picture: Area::of(width, height),
            tile_width: unit(tile_width),
            tile_height: unit(tile_height),
        }
    }

    /// As few tiles as there can be with sides of at most `side` (rounded up to a
    /// multiple of [`TILE_UNIT`]), and those of about one size.
    pub fn balanced(width: u32, height: u32, side: u32) -> Self {
        let side = side.clamp(1, 1 << 30).next_multiple_of(TILE_UNIT);
        if width.max(height) <= side {
            return Self::whole(width, height);
        }
        let even = |length: u32| length.div_ceil(length.div_ceil(side).max(1));
        Self::new(width, height, even(width), even(height))
    }

    /// Pixels of the picture.
    pub fn picture(&self) -> Area {
        self.picture
    }

    /// Pixels of a tile that is not the last of its row or column.
    pub fn tile_size(&self) -> (u32, u32) {
        (self.tile_width, self.tile_height)
    }

    /// Tiles in a row.
    pub fn columns(&self) -> u32 {
        self.picture.width.div_ceil(self.tile_width)
    }

    /// Rows of tiles.
    pub fn rows(&self) -> u32 {
        self.picture.height.div_ceil(self.tile_height)
    }

    /// All tiles.
    pub fn count(&self) -> u64 {
        u64::from(self.columns()) * u64::from(self.rows())
    }

    /// Whether there is one only.
    pub fn is_whole(&self) -> bool {
        self.count() == 1
    }

    /// Pixels of the tile in `column` and `row`.
    pub fn tile(&self, column: u32, row: u32) -> Area {
        let (x, y) = (
            column.saturating_mul(self.tile_width),
            row.saturating_mul(self.tile_height),
        );
        Area {
            x,
            y,
            width: self.tile_width.min(self.picture.width.saturating_sub(x)),
            height: self.tile_height.min(self.picture.height.saturating_sub(y)),
        }
    }

    /// Number of a tile: by rows from the top, from the left.
    pub fn number(&self, column: u32, row: u32) -> usize {
        row as usize * self.columns() as usize + column as usize
    }

    /// The tiles, as (column, row), that `area` touches: columns and rows of them.
    pub fn touching(&self, area: &Area) -> Area {
        let (x, y) = (area.x / self.tile_width, area.y / self.tile_height);
        Area {
            x,
            y,
            width: area.right().div_ceil(self.tile_width) - x,
            height: area.bottom().div_ceil(self.tile_height) - y,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_cover_the_picture_once() {
        for (width, height, side) in [
            (1, 1, 64),
            (768, 512, 1024),
            (2048, 1365, 1024),
            (130, 65, 64),
        ] {
            let grid = Grid::balanced(width, height, side);
            let mut pixels = 0;
            for row in 0..grid.rows() {
                for column in 0..grid.columns() {
                    let tile = grid.tile(column, row);
                    assert!(tile.width.max(tile.height) <= side && tile.count() > 0);
                    assert_eq!(
                        grid.touching(&tile),
                        Area {
                            x: column,
                            y: row,
                            width: 1,
                            height: 1
                        }
                    );
                    pixels += tile.count();
                }
            }
            assert_eq!(pixels, width as usize * height as usize);
        }
        let grid = Grid::balanced(2048, 1365, 1024);
        assert_eq!((grid.columns(), grid.rows()), (2, 2));
        assert_eq!(grid.tile(1, 1).height, 1365 - 704);
        assert!(Grid::balanced(1024, 700, 1024).is_whole());
    }
}

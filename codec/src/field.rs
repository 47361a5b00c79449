//! What a model makes a picture from: values on a grid of positions, and the
//! canvas on which those of neighbouring tiles lie side by side.

use crate::geometry::Area;

/// Values of `channels` on a grid, those of a position together, positions by
/// rows.
#[derive(Debug, Clone, PartialEq)]
pub struct Field {
    /// Positions in a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// Values at a position.
    pub channels: usize,
    /// `width * height * channels` of them.
    pub values: Vec<f32>,
}

impl Field {
    fn row(&self, y: u32, x: u32, width: u32) -> &[f32] {
        let start = (y as usize * self.width as usize + x as usize) * self.channels;
        &self.values[start..][..width as usize * self.channels]
    }

    fn is_sound(&self) -> bool {
        let positions = self.width as usize * self.height as usize;
        positions.checked_mul(self.channels) == Some(self.values.len())
    }
}

/// The fields of a few rows of tiles, side by side. Rows are added at the bottom
/// and dropped at the top, so that memory follows the tiles in flight.
#[derive(Debug)]
pub struct Canvas {
    /// All that could be there, in positions of the picture.
    within: Area,
    /// The first row that is held.
    first: u32,
    channels: usize,
    values: Vec<f32>,
}

impl Canvas {
    /// Nothing, where `within` could be. Memory for `rows` rows is taken at once, so that
    /// adding that many takes no more.
    pub fn new(within: Area, channels: usize, rows: u32) -> Self {
        let rows = rows.min(within.height) as usize;
        Self {
            within,
            first: within.y,
            channels,
            values: Vec::with_capacity(rows * within.width as usize * channels),
        }
    }

    /// Values of a row.
    fn stride(&self) -> usize {
        self.within.width as usize * self.channels
    }

    /// The row after the last one held.
    pub fn bottom(&self) -> u32 {
        self.first + (self.values.len() / self.stride().max(1)) as u32
    }

    /// Adds rows of zeros, for fields to be put in.
    pub fn open(&mut self, rows: u32) {
        let length = self.values.len() + rows as usize * self.stride();
        // Limits were checked for the rows that were asked for.
        debug_assert!(length <= self.values.capacity(), "{rows} rows too many");
        self.values.resize(length, 0.0);
    }

    /// Puts a tile's field where it lies, in positions of the picture; `None` if it is not
    /// of its size, or not within the rows held.
    pub fn put(&mut self, area: &Area, field: &Field) -> Option<()> {
        let size = (field.width, field.height) == (area.width, area.height);
        let held = Area {
            y: self.first,
            height: self.bottom() - self.first,
            ..self.within
        };
        let inside = area.intersection(&held).as_ref() == Some(area);
        if !(size && inside && field.is_sound() && field.channels == self.channels) {
            return None;
        }
        let (start, stride) = (self.start_of(area.x, area.y), self.stride());
        let rows = self.values[start..].chunks_mut(stride.max(1));
        for (y, row) in (0..area.height).zip(rows) {
            let field = field.row(y, 0, area.width);
            row[..field.len()].copy_from_slice(field);
        }
        Some(())
    }

    /// Forgets the rows before `row`.
    pub fn drop_before(&mut self, row: u32) {
        let rows = row
            .saturating_sub(self.first)
            .min(self.bottom() - self.first);
        self.values.drain(..rows as usize * self.stride());
        self.first += rows;
    }

    /// A part of it, in positions of the picture; it must be held.
    pub fn window(&self, area: &Area) -> Field {
        let mut values = Vec::with_capacity(area.count() * self.channels);
        let stride = self.stride();
        for y in area.y..area.bottom() {
            let row = (y - self.first) as usize * stride;
            let start = row + (area.x - self.within.x) as usize * self.channels;
            values.extend_from_slice(&self.values[start..][..area.width as usize * self.channels]);
        }
        Field {
            width: area.width,
            height: area.height,
            channels: self.channels,
            values,
        }
    }

    /// Fills in for a tile of the last row of tiles of which nothing is known, from
    /// the nearest positions to the left, to the right and above, weighted by
    /// their closeness. Where there are none, values stay as they are.
    ///
    /// Each source is a mean along the edge of the tile: what is smooth in the
    /// picture stays, and details, whose signs change from position to position,
    /// do not become stripes.
    pub fn conceal(&mut self, lost: &Area, known: impl Fn(u32, u32) -> bool) {
        let (left, right) = (lost.x.checked_sub(1), lost.right());
        let above = lost.y.checked_sub(1).filter(|&y| y >= self.first);
        let rows = lost.y..lost.bottom();
        let known = |x: u32, y: u32| self.holds(x, y) && known(x, y);
        let column = |x: u32| -> Vec<Option<Vec<f32>>> {
            let near = |y: u32| nearby(y).map(move |y| (x, y));
            rows.clone().map(|y| self.mean(near(y), known)).collect()
        };
        let (left, right) = (left.map(column), column(right));
        let above: Vec<_> = (lost.x..lost.right())
            .map(|x| self.mean(nearby(x).filter_map(|x| Some((x, above?))), known))
            .collect();
        for (row, y) in (lost.y..lost.bottom()).enumerate() {
            for (at, x) in (lost.x..lost.right()).enumerate() {
                let left = left.as_ref().and_then(|left| left[row].as_ref());
                let sources = [
                    left.map(|values| (at as u32 + 1, values)),
                    right[row].as_ref().map(|values| (lost.right() - x, values)),
                    above[at].as_ref().map(|values| (row as u32 + 1, values)),
                ];
                self.blend(x, y, sources.iter().flatten());
            }
        }
    }

    /// The mean of what is known at some positions.
    fn mean(
        &self,
        positions: impl Iterator<Item = (u32, u32)>,
        known: impl Fn(u32, u32) -> bool,
    ) -> Option<Vec<f32>> {
        let mut sum = vec![0.0; self.channels];
        let mut count = 0.0;
        for (x, y) in positions.filter(|&(x, y)| known(x, y)) {
            let start = self.start_of(x, y);
            for (sum, value) in sum.iter_mut().zip(&self.values[start..]) {
                *sum += value;
            }
            count += 1.0;
        }
        sum.iter_mut().for_each(|sum| *sum /= count);
        (count > 0.0).then_some(sum)
    }

    fn holds(&self, x: u32, y: u32) -> bool {
        (self.within.x..self.within.right()).contains(&x)
            && (self.first..self.bottom()).contains(&y)
    }

    fn start_of(&self, x: u32, y: u32) -> usize {
        let row = (y - self.first) as usize * self.within.width as usize;
        (row + (x - self.within.x) as usize) * self.channels
    }

    fn blend<'a>(
        &mut self,
        x: u32,
        y: u32,
        sources: impl Iterator<Item = &'a (u32, &'a Vec<f32>)> + Clone,
    ) {
        let total: f32 = sources.clone().map(|source| 1.0 / source.0 as f32).sum();
        if total == 0.0 {
            return;
        }
        let start = self.start_of(x, y);
        for (channel, to) in self.values[start..][..self.channels].iter_mut().enumerate() {
            let weighted = sources
                .clone()
                .map(|(far, values)| values[channel] / *far as f32);
            *to = weighted.sum::<f32>() / total;
        }
    }
}

/// Positions along an edge that are taken together.
fn nearby(at: u32) -> impl Iterator<Item = u32> {
    const REACH: u32 = 4;
    at.saturating_sub(REACH)..=at.saturating_add(REACH)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn area(x: u32, y: u32, width: u32, height: u32) -> Area {
        Area {
            x,
            y,
            width,
            height,
        }
    }

    /// Positions that say where they are.
    fn tile(area: Area) -> (Area, Field) {
        let at = |y: u32| (area.x..area.right()).flat_map(move |x| [x as f32, y as f32]);
        let field = Field {
            width: area.width,
            height: area.height,
            channels: 2,
            values: (area.y..area.bottom()).flat_map(at).collect(),
        };
        (area, field)
    }

    fn put(canvas: &mut Canvas, tiles: &[(Area, Field)]) {
        for (area, field) in tiles {
            canvas.put(area, field).unwrap();
        }
    }

    #[test]
    fn windows_see_over_joins() {
        let mut canvas = Canvas::new(area(4, 2, 7, 9), 2, 6);
        let taken = canvas.values.capacity();
        canvas.open(3);
        put(
            &mut canvas,
            &[tile(area(4, 2, 4, 3)), tile(area(8, 2, 3, 3))],
        );
        canvas.open(3);
        put(
            &mut canvas,
            &[tile(area(8, 5, 3, 3)), tile(area(4, 5, 4, 3))],
        );
        assert_eq!(canvas.bottom(), 8);
        let window = area(6, 4, 4, 3);
        assert_eq!(canvas.window(&window), tile(window).1);
        canvas.drop_before(4);
        assert_eq!(canvas.window(&window), tile(window).1);
        assert_eq!(canvas.bottom(), 8);
        assert_eq!(canvas.values.capacity(), taken);
    }

    #[test]
    fn takes_no_field_that_does_not_fit() {
        let mut canvas = Canvas::new(area(4, 2, 7, 9), 2, 6);
        canvas.open(3);
        // Not held: beside, above, below.
        for place in [
            area(3, 2, 4, 3),
            area(8, 2, 4, 3),
            area(4, 1, 4, 3),
            area(4, 3, 4, 3),
        ] {
            let (area, field) = tile(place);
            assert_eq!(canvas.put(&area, &field), None, "{area:?}");
        }
        let (place, field) = tile(area(4, 2, 4, 3));
        let fewer = Field {
            channels: 1,
            ..field.clone()
        };
        let shorter = Field {
            values: field.values[1..].to_vec(),
            ..field.clone()
        };
        assert_eq!(canvas.put(&place, &fewer), None);
        assert_eq!(canvas.put(&place, &shorter), None);
        assert_eq!(canvas.put(&area(4, 2, 3, 3), &field), None);
        assert_eq!(canvas.put(&place, &field), Some(()));
    }

    #[test]
    fn what_is_lost_is_taken_from_its_neighbours() {
        let mut canvas = Canvas::new(area(0, 0, 6, 4), 2, 4);
        canvas.open(4);
        put(
            &mut canvas,
            &[tile(area(0, 0, 2, 4)), tile(area(4, 0, 2, 4))],
        );
        let lost = area(2, 0, 2, 4);
        canvas.conceal(&lost, |x, _| !(2..4).contains(&x));
        // Between columns 1 and 4, on the way from one to the other.
        let row = canvas.window(&area(0, 3, 6, 1));
        let columns: Vec<f32> = row.values.chunks(2).map(|v| v[0]).collect();
        assert_eq!(columns, [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
    }
}

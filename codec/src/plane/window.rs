//! The rows of a plane that a sample is coded in the sight of.

/// How many ways there are to [guess](super::guess) a sample.
pub(super) const GUESSES: usize = 5;

/// How far a sample was from each guess, and from what was made of them.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Errors {
    pub(super) guesses: [i32; GUESSES],
    pub(super) expected: i32,
}

/// The neighbours of a sample, by where they are: to the west, north, and so on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Neighbours {
    pub(super) w: i32,
    pub(super) n: i32,
    pub(super) nw: i32,
    pub(super) ne: i32,
    pub(super) ww: i32,
    pub(super) nn: i32,
    pub(super) nee: i32,
    pub(super) nww: i32,
    /// In the second row above, one to the east.
    pub(super) nne: i32,
}

impl Neighbours {
    /// The first eight, in the order of BITSTREAM.md.
    pub(super) fn all(&self) -> [i32; 8] {
        let Self { w, n, nw, ne, .. } = *self;
        [w, n, nw, ne, self.ww, self.nn, self.nee, self.nww]
    }
}

/// Places on each side of a row, for neighbours beyond its ends.
const PAD: usize = 2;

/// The latest rows of a plane, and the errors in them.
#[derive(Debug)]
pub(super) struct Window {
    width: usize,
    /// From the latest; zero before the first.
    rows: [Vec<i32>; 3],
    errors: [Vec<Errors>; 2],
}

impl Window {
    /// Before the first row of `width` samples.
    pub(super) fn new(width: usize) -> Self {
        Self {
            width,
            rows: [(); 3].map(|()| vec![0; width + 2 * PAD]),
            errors: [(); 2].map(|()| vec![Errors::default(); width + 2 * PAD]),
        }
    }

    /// The latest row.
    pub(super) fn latest(&self) -> &[i32] {
        &self.rows[0][PAD..][..self.width]
    }

    /// Begins a row: for now it repeats the latest and has no errors.
    pub(super) fn advance(&mut self) {
        self.rows.rotate_right(1);
        self.errors.swap(0, 1);
        self.errors[0].fill(Errors::default());
        let [row, above, _] = &mut self.rows;
        row.copy_from_slice(above);
        // To the west of a row is the first sample of the row above.
        row[..PAD].fill(above[PAD]);
    }

    /// Ends a row: to the east of it is its last sample.
    pub(super) fn close(&mut self) {
        let (samples, pad) = self.rows[0].split_at_mut(PAD + self.width);
        if let Some(last) = samples.last() {
            pad.fill(*last);
        }
    }

    pub(super) fn neighbours(&self, x: usize) -> Neighbours {
        let [row, above, before] = &self.rows;
        let (row, above) = (&row[x..x + PAD], &above[x..=x + 2 * PAD]);
        Neighbours {
            w: row[1],
            n: above[2],
            nw: above[1],
            ne: above[3],
            ww: row[0],
            nn: before[x + PAD],
            nee: above[4],
            nww: above[0],
            nne: before[x + PAD + 1],
        }
    }

    /// The errors at the neighbours W, N, NW, NE and WW.
    pub(super) fn errors(&self, x: usize) -> [&Errors; 5] {
        let [row, above] = &self.errors;
        let (row, above) = (&row[x..x + PAD], &above[x..=x + 2 * PAD]);
        [&row[1], &above[2], &above[1], &above[3], &row[0]]
    }

    pub(super) fn set(&mut self, x: usize, sample: i32, errors: Errors) {
        self.rows[0][PAD + x] = sample;
        self.errors[0][PAD + x] = errors;
    }
}

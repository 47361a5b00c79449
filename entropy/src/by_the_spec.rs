//! The decoders as BITSTREAM.md in lic-codec words them, line by line and without
//! constriction: they show that a stranger could write one.

use rand::{Rng, SeedableRng, rngs::StdRng};

use crate::{Coder, Encoder, TableSpec, Tables};

/// Decodes the slot whose share holds a quantile, given all masses.
pub(crate) trait Arithmetic {
    fn slot(&mut self, masses: &[u64]) -> Option<usize>;
    fn ends_here(self) -> bool;
}

fn find(masses: &[u64], q: u64) -> (usize, u64, u64) {
    let mut before = 0;
    for (slot, &mass) in masses.iter().enumerate() {
        if q < before + mass {
            return (slot, before, mass);
        }
        before += mass;
    }
    panic!("masses do not add up")
}

pub(crate) struct Ans {
    x: u64,
    words: Vec<u64>,
}

impl Ans {
    pub(crate) fn new(bytes: &[u8]) -> Self {
        let mut padded = bytes.to_vec();
        padded.resize(bytes.len().div_ceil(4) * 4, 0);
        let mut words: Vec<u64> = padded
            .chunks(4)
            .map(|word| u32::from_le_bytes(word.try_into().unwrap()).into())
            .collect();
        let mut x = 1 << 16;
        if let Some(last) = words.pop() {
            x = last;
            if let Some(word) = words.pop() {
                x = (x << 32) + word;
            }
        }
        Self { x, words }
    }
}

impl Arithmetic for Ans {
    fn slot(&mut self, masses: &[u64]) -> Option<usize> {
        let q = self.x % (1 << 16);
        let (slot, before, mass) = find(masses, q);
        self.x = (self.x >> 16) * mass + q - before;
        if self.x < 1 << 32
            && let Some(word) = self.words.pop()
        {
            self.x = (self.x << 32) + word;
        }
        Some(slot)
    }

    fn ends_here(self) -> bool {
        self.x == 1 << 16 && self.words.is_empty()
    }
}

pub(crate) struct Range {
    low: u64,
    range: u64,
    point: u64,
    bytes: Vec<u8>,
    /// Bytes read so far.
    read: usize,
}

impl Range {
    pub(crate) fn new(bytes: &[u8]) -> Self {
        let mut range = Self {
            low: 0,
            range: u64::MAX,
            point: 0,
            bytes: bytes.to_vec(),
            read: 0,
        };
        for _ in 0..8 {
            range.next();
        }
        range
    }

    fn next(&mut self) {
        let byte = self.bytes.get(self.read).copied().unwrap_or(0);
        self.read += 1;
        self.point = (self.point << 8) + u64::from(byte);
    }
}

impl Arithmetic for Range {
    fn slot(&mut self, masses: &[u64]) -> Option<usize> {
        let scale = self.range >> 16;
        let q = self.point.wrapping_sub(self.low) / scale;
        if q >= 1 << 16 {
            return None;
        }
        let (slot, before, mass) = find(masses, q);
        self.low = self.low.wrapping_add(scale * before);
        self.range = scale * mass;
        if self.range < 1 << 32 {
            self.low <<= 32;
            self.range <<= 32;
            for _ in 0..4 {
                self.next();
            }
        }
        Some(slot)
    }

    fn ends_here(mut self) -> bool {
        if self.range == u64::MAX {
            return self.bytes.is_empty();
        }
        let close = [0x5a5a, 1, 0x10000 - 0x5a5b];
        if self.slot(&close) != Some(1) {
            return false;
        }
        let mut kept = 0;
        loop {
            let unit = 1u128 << (64 - 8 * kept);
            let end = (u128::from(self.low).div_ceil(unit) * unit) as u64;
            if end.wrapping_sub(self.low) < self.range {
                return self.point == end && self.bytes.len() == self.read - 8 + kept;
            }
            kept += 1;
        }
    }
}

fn bit(coder: &mut impl Arithmetic) -> i64 {
    coder.slot(&[1 << 15, 1 << 15]).unwrap() as i64
}

pub(crate) fn symbol(coder: &mut impl Arithmetic, table: &TableSpec) -> i64 {
    let masses: Vec<u64> = table.freqs.iter().map(|mass| u64::from(*mass)).collect();
    let slot = coder.slot(&masses).unwrap();
    let escape = masses.len() - 1;
    let min = i64::from(table.min);
    if slot < escape {
        return min + slot as i64;
    }
    let below = bit(coder);
    let mut n = 0;
    while bit(coder) == 1 {
        n += 1;
    }
    let distance = (0..n).fold(1, |distance, _| 2 * distance + bit(coder));
    if below == 1 {
        min - distance
    } else {
        min + escape as i64 - 1 + distance
    }
}

fn check(mut coder: impl Arithmetic, specs: &[TableSpec], indices: &[u16], symbols: &[i32]) {
    for (&index, &expected) in indices.iter().zip(symbols) {
        assert_eq!(
            symbol(&mut coder, &specs[usize::from(index)]),
            expected.into()
        );
    }
    assert!(coder.ends_here());
}

#[test]
fn the_spec_decodes_what_the_crate_encodes() {
    let specs = vec![
        TableSpec::from_weights(-4, &[1, 3, 9, 27, 81, 27, 9, 3, 1, 1]),
        TableSpec::from_weights(0, &[1_000_000, 1, 1]),
        TableSpec::from_weights(100, &[0; 50]),
        TableSpec::from_weights(-1, &[1, 1]),
    ];
    let tables = Tables::new(specs.clone()).unwrap();
    let mut random = StdRng::seed_from_u64(21);
    for _ in 0..500 {
        let count = random.random_range(0..60);
        let mut draw = |_| {
            let index = random.random_range(0..4u16);
            let range = tables.symbols(index).unwrap();
            let symbol = match random.random_range(0..20) {
                0 => random.random(),
                1 => range.end() + random.random_range(1..50),
                2 => range.start() - random.random_range(1..50),
                _ => random.random_range(range),
            };
            (index, symbol)
        };
        let (indices, symbols): (Vec<u16>, Vec<i32>) = (0..count).map(&mut draw).unzip();
        for coder in Coder::ALL {
            let mut encoder = Encoder::new(coder);
            encoder.encode(&tables, &indices, &symbols).unwrap();
            let bytes = encoder.finish();
            match coder {
                Coder::Ans => check(Ans::new(&bytes), &specs, &indices, &symbols),
                Coder::Range => check(Range::new(&bytes), &specs, &indices, &symbols),
            }
        }
    }
}

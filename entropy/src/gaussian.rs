//! The table set that ships with the format: zero-mean Gaussians of 64 scales.

use std::sync::LazyLock;

use crate::spec::TableSpec;
use crate::tables::Tables;

/// How many Gaussian tables there are.
pub const SCALES: usize = 64;

/// The tables as data: a float must not choose a probability, not even once at
/// start-up. For each table in order, in little-endian `u16`: K, then the
/// masses of the symbols 0, 1, …, K. The mass of -k is that of k; the rest, up to
/// 65,536, is the escape slot's.
static DATA: &[u8] = include_bytes!("../tables/gaussian.bin");

/// The standard deviation of Gaussian table `index`: 0.11 · (160 / 0.11)^(index / 63),
/// for index 0 to 63. For encoders and for training; a decoder needs the tables
/// only.
pub fn scale(index: usize) -> f64 {
    let (first, last): (f64, f64) = (0.11, 160.0);
    first * (last / first).powf(index as f64 / (SCALES - 1) as f64)
}

/// The 64 Gaussian tables of format version 1. Table i is a Gaussian of mean zero
/// and standard deviation [`scale`]`(i)`, integrated over bins of width one, for
/// the symbols up to 4.5 standard deviations from zero (one at least).
pub fn gaussian() -> &'static Tables {
    static TABLES: LazyLock<Tables> = LazyLock::new(|| {
        let tables = parse(DATA).and_then(|specs| Tables::new(specs).ok());
        tables.expect("the embedded tables are valid, as a test shows")
    });
    &TABLES
}

/// `None` if the data is not a sequence of whole tables.
fn parse(data: &[u8]) -> Option<Vec<TableSpec>> {
    let mut numbers = data
        .chunks_exact(2)
        .map(|pair| u32::from(u16::from_le_bytes([pair[0], pair[1]])));
    let mut specs = Vec::new();
    while let Some(last) = numbers.next() {
        let half: Vec<u32> = numbers.by_ref().take(last as usize + 1).collect();
        if half.len() != last as usize + 1 {
            return None;
        }
        let mut freqs: Vec<u32> = half[1..].iter().rev().chain(&half).copied().collect();
        freqs.push((1u32 << 16).checked_sub(freqs.iter().sum())?);
        specs.push(TableSpec {
            min: -(last as i32),
            freqs,
        });
    }
    Some(specs)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Writes what [`gaussian`] reads.
    fn derive() -> Vec<u8> {
        let tables = (0..SCALES).map(|index| half(scale(index)));
        tables
            .flat_map(|half| {
                let last = half.len() as u16 - 1;
                std::iter::once(last).chain(half.into_iter().map(|mass| mass as u16))
            })
            .flat_map(u16::to_le_bytes)
            .collect()
    }

    /// The masses of 0, 1, …, K of a Gaussian of standard deviation `sigma`.
    fn half(sigma: f64) -> Vec<u32> {
        let last = (4.5 * sigma).ceil().max(1.0) as i32;
        // The mass beyond x.
        let tail = |x: f64| 0.5 * libm::erfc(x / (sigma * std::f64::consts::SQRT_2));
        let bin = |k: i32| tail(f64::from(k.abs()) - 0.5) - tail(f64::from(k.abs()) + 0.5);
        let masses = (-last..=last)
            .map(bin)
            .chain([2.0 * tail(f64::from(last) + 0.5)]);
        // 2^31: the finest weights that still fit an integer of 32 bits, and a
        // rounding by which no two libraries for erfc will differ.
        let weights: Vec<u32> = masses
            .map(|mass| (mass * f64::from(1u32 << 31)).round() as u32)
            .collect();
        let mut freqs = TableSpec::from_weights(-last, &weights).freqs;
        freqs.truncate(2 * last as usize + 1);
        freqs.split_off(last as usize)
    }

    #[test]
    fn tables_are_what_their_description_says() {
        assert_eq!(derive(), DATA);
    }

    /// Rewrites the data file. Doing so after a release changes the format.
    #[test]
    #[ignore = "writes the file that the crate embeds"]
    fn regenerate() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tables/gaussian.bin");
        std::fs::write(path, derive()).expect("the folder is writable");
    }
}

//! The numbers that mixtures are computed with.

use std::sync::LazyLock;

/// Fixed point: bits below one of a position among the symbols, of a scale, and of a
/// distance in standard deviations.
pub(super) const POINT: u32 = 20;
/// Bits below one of the reciprocal of a scale.
pub(super) const INVERSE: u32 = 26;
/// Bits below one of a slope.
pub(super) const SLOPE: u32 = 24;
/// Bits below one of a share of variance.
pub(super) const SHARE: u32 = 16;
/// Bits below one of a value of Φ.
pub(super) const PHI: u32 = 30;
/// Bits below one of a weight.
pub(super) const WEIGHT: u32 = 24;

/// Steps of a scale index that a mixture's scale is counted in.
pub(super) const FINE: u32 = 8;
/// The greatest scale: that of index 63.
pub(super) const WIDEST: usize = 63 * FINE as usize;
/// Entries of Φ for each standard deviation, and how many of those.
pub(super) const PHI_STEPS: u32 = 7;
pub(super) const PHI_END: usize = 6;

pub(super) const PHI_COUNT: usize = (PHI_END << PHI_STEPS) + 1;
pub(super) const SCALE_COUNT: usize = WIDEST + 1;
pub(super) const NARROWER_COUNT: usize = 31 * 31 + 1;
pub(super) const WEIGHT_COUNT: usize = 64;

/// All of them. They are data, not computed: no float chooses a probability.
#[derive(Debug)]
pub(super) struct Numbers {
    /// Φ(i / 128) for i = 0 to 768: the normal distribution's integral.
    pub(super) phi: [u32; PHI_COUNT],
    /// σ of each scale.
    pub(super) sigma: [u32; SCALE_COUNT],
    /// 1 / σ.
    pub(super) inverse: [u32; SCALE_COUNT],
    /// σ / (σ² + 1/12): how many standard deviations a rounded symbol tells of.
    pub(super) slope: [u32; SCALE_COUNT],
    /// σ² / (σ² + 1/12): how much of the variance it explains.
    pub(super) share: [u32; SCALE_COUNT],
    /// By how many scales the rest is narrower, where e / 1024 is explained.
    pub(super) narrower: [u32; NARROWER_COUNT],
    /// exp((i − 63) / 8).
    pub(super) weight: [u32; WEIGHT_COUNT],
}

static DATA: &[u8] = include_bytes!("../../tables/mixture.bin");

/// The numbers of format version 1.
pub(super) fn numbers() -> &'static Numbers {
    static NUMBERS: LazyLock<Numbers> =
        LazyLock::new(|| parse(DATA).expect("the embedded numbers are whole, as a test shows"));
    &NUMBERS
}

/// `None` if the data has another length. All are `u32`, little-endian.
fn parse(data: &[u8]) -> Option<Numbers> {
    let mut rest = data;
    let numbers = Numbers {
        phi: take(&mut rest)?,
        sigma: take(&mut rest)?,
        inverse: take(&mut rest)?,
        slope: take(&mut rest)?,
        share: take(&mut rest)?,
        narrower: take(&mut rest)?,
        weight: take(&mut rest)?,
    };
    rest.is_empty().then_some(numbers)
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u32; N]> {
    let (head, tail) = rest.split_at_checked(4 * N)?;
    *rest = tail;
    let mut values = [0; N];
    for (value, bytes) in values.iter_mut().zip(head.chunks_exact(4)) {
        *value = u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
    }
    Some(values)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gaussian::scale;

    fn fixed(value: f64, bits: u32) -> u32 {
        (value * f64::from(1u32 << bits)).round() as u32
    }

    /// ln σ of one scale more.
    fn step() -> f64 {
        (scale(1) / scale(0)).ln() / f64::from(FINE)
    }

    /// Writes what [`numbers`] reads.
    fn derive() -> Vec<u8> {
        let sigma = |i: usize| scale(0) * (i as f64 * step()).exp();
        let noisy = |i: usize| sigma(i).powi(2) + 1.0 / 12.0;
        let phi = |i: usize| {
            let x = i as f64 / f64::from(1 << PHI_STEPS);
            1.0 - 0.5 * libm::erfc(x / std::f64::consts::SQRT_2)
        };
        let narrower = |e: usize| -0.5 * (1.0 - e as f64 / 1024.0).ln() / step();
        let weight = |i: usize| ((i as f64 - 63.0) / 8.0).exp();
        let scales = || 0..SCALE_COUNT;
        (0..PHI_COUNT)
            .map(|i| fixed(phi(i), PHI))
            .chain(scales().map(|i| fixed(sigma(i), POINT)))
            .chain(scales().map(|i| fixed(1.0 / sigma(i), INVERSE)))
            .chain(scales().map(|i| fixed(sigma(i) / noisy(i), SLOPE)))
            .chain(scales().map(|i| fixed(sigma(i).powi(2) / noisy(i), SHARE)))
            .chain((0..NARROWER_COUNT).map(|e| fixed(narrower(e), 0)))
            .chain((0..WEIGHT_COUNT).map(|i| fixed(weight(i), WEIGHT)))
            .flat_map(u32::to_le_bytes)
            .collect()
    }

    #[test]
    fn numbers_are_what_their_description_says() {
        assert!(derive() == DATA);
        // Nothing else may depend on it, but what the arithmetic relies on does.
        let numbers = numbers();
        assert!(numbers.phi.is_sorted());
        assert_eq!(numbers.phi[0], 1 << (PHI - 1));
        assert!(numbers.phi[PHI_COUNT - 1] <= 1 << PHI);
        assert!(numbers.share.iter().all(|&share| share <= 1 << SHARE));
    }

    /// Rewrites the data file. Doing so after a release changes the format.
    #[test]
    #[ignore = "writes the file that the crate embeds"]
    fn regenerate() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tables/mixture.bin");
        std::fs::write(path, derive()).expect("the folder is writable");
    }
}

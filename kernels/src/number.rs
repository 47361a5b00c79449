use std::fmt::Debug;

use crate::isa::{Isa, Kind};
use crate::matrix::Job;
use crate::portable;

#[cfg(target_arch = "x86_64")]
use crate::{avx2, avx512};

#[cfg(target_arch = "aarch64")]
use crate::neon;

/// What activations and weights are stored as; sums are always `f32`.
pub trait Number: Copy + Default + Debug + Send + Sync + 'static {
    /// Weights of an output that are multiplied at once.
    type Group: Copy + Debug + Send + Sync;
    /// How many those are: segments of rows are multiples of it.
    const GROUP: usize;
    /// If weights are whole numbers, the greatest; then every output has a step, which
    /// its weights are multiples of.
    const MOST: Option<f32> = None;

    /// The nearest, halves to even.
    fn from_f32(value: f32) -> Self;

    /// Exactly.
    fn to_f32(self) -> f32;

    /// Weight `i` of a group is `weight(i)`.
    fn group(weight: impl Fn(usize) -> f32) -> Self::Group;

    /// The sum of a group's products, for machines that have no instruction for it.
    fn dot(inputs: &[Self], weights: &Self::Group, sum: f32) -> f32;

    /// `values` as numbers of this type: as they are, or converted into `space`. Whole
    /// numbers are values times `inverse`, which has one for each of the channels that
    /// follow each other; others do not look at it.
    ///
    /// # Panics
    ///
    /// If `space` is needed and too small, or `inverse` is and has none.
    fn of<'a>(isa: Isa, values: &'a [f32], inverse: &[f32], space: &'a mut [Self]) -> &'a [Self];

    /// Runs a job by what the machine has.
    #[doc(hidden)]
    #[expect(private_interfaces, reason = "for this crate to call")]
    fn product<O: Number>(isa: Isa, job: &Job<'_, Self>, out: &mut [O]);
}

impl Number for f32 {
    type Group = f32;
    const GROUP: usize = 1;

    #[inline(always)]
    fn from_f32(value: f32) -> Self {
        value
    }

    #[inline(always)]
    fn to_f32(self) -> f32 {
        self
    }

    fn group(weight: impl Fn(usize) -> f32) -> f32 {
        weight(0)
    }

    /// Fused where the target always has it; elsewhere that would be a call.
    #[inline(always)]
    fn dot(inputs: &[f32], &weight: &f32, sum: f32) -> f32 {
        if cfg!(any(target_arch = "aarch64", target_feature = "fma")) {
            inputs[0].mul_add(weight, sum)
        } else {
            inputs[0] * weight + sum
        }
    }

    fn of<'a>(_: Isa, values: &'a [f32], _: &[f32], _: &'a mut [f32]) -> &'a [f32] {
        values
    }

    #[expect(private_interfaces, reason = "for this crate to call")]
    fn product<O: Number>(isa: Isa, job: &Job<'_, f32>, out: &mut [O]) {
        match isa.kind() {
            Kind::Portable => portable::product(job, out),
            // SAFETY: a value of this kind exists only where its features were
            // detected.
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2 => unsafe { avx2::product(job, out) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512 | Kind::Avx512Bf16 => unsafe { avx512::product(job, out) },
            // SAFETY: as above.
            #[cfg(target_arch = "aarch64")]
            Kind::Neon => unsafe { neon::product(job, out) },
        }
    }
}

/// The upper half of an `f32`: its range, with eight bits of mantissa. Where there
/// are instructions for it ([`Isa::has_bf16`]), products are twice as fast.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[repr(transparent)]
pub struct Bf16(u16);

impl Number for Bf16 {
    type Group = [Bf16; 2];
    const GROUP: usize = 2;

    #[inline(always)]
    fn from_f32(value: f32) -> Self {
        let bits = value.to_bits();
        let even = bits >> 16 & 1;
        Self((bits.wrapping_add(0x7fff + even) >> 16) as u16)
    }

    #[inline(always)]
    fn to_f32(self) -> f32 {
        f32::from_bits(u32::from(self.0) << 16)
    }

    fn group(weight: impl Fn(usize) -> f32) -> [Bf16; 2] {
        [0, 1].map(|i| Self::from_f32(weight(i)))
    }

    #[inline(always)]
    fn dot(inputs: &[Bf16], weights: &[Bf16; 2], sum: f32) -> f32 {
        let product = |i: usize| inputs[i].to_f32() * weights[i].to_f32();
        sum + (product(0) + product(1))
    }

    fn of<'a>(isa: Isa, values: &'a [f32], _: &[f32], space: &'a mut [Bf16]) -> &'a [Bf16] {
        let space = &mut space[..values.len()];
        match isa.kind() {
            // SAFETY: a value of this kind exists only where its features were
            // detected.
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512Bf16 => unsafe { avx512::convert(values, space) },
            _ => Self::convert(values, space),
        }
        space
    }

    #[expect(private_interfaces, reason = "for this crate to call")]
    fn product<O: Number>(isa: Isa, job: &Job<'_, Bf16>, out: &mut [O]) {
        match isa.kind() {
            // SAFETY: a value of this kind exists only where its features were
            // detected.
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512Bf16 => unsafe { avx512::bf16_product(job, out) },
            _ => portable::product(job, out),
        }
    }
}

/// A whole number in −128..=127, stored with 128 added: 8-bit instructions multiply
/// unsigned activations by signed weights. Sums are exact, in 32 bits; they become `f32`
/// times the step of their output, and then follow bias and [`Finish`](crate::Finish).
/// Where there are instructions for it ([`Isa::has_bytes`]), products are faster than
/// those of [`Bf16`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(transparent)]
pub struct Byte(u8);

/// What is added to a [`Byte`].
pub(crate) const OFFSET: i32 = 128;

impl Default for Byte {
    /// Zero.
    fn default() -> Self {
        Self(OFFSET as u8)
    }
}

impl Number for Byte {
    type Group = [i8; 4];
    const GROUP: usize = 4;
    const MOST: Option<f32> = Some(127.0);

    /// Saturates.
    #[inline(always)]
    fn from_f32(value: f32) -> Self {
        // 1.5·2^23: the last bits of the sum are those of the nearest whole number.
        let rounded = value.clamp(-128.0, 127.0) + 12_582_912.0;
        Self(rounded.to_bits() as u8 ^ OFFSET as u8)
    }

    #[inline(always)]
    fn to_f32(self) -> f32 {
        (i32::from(self.0) - OFFSET) as f32
    }

    fn group(weight: impl Fn(usize) -> f32) -> [i8; 4] {
        [0, 1, 2, 3].map(|i| weight(i).round_ties_even() as i8)
    }

    /// Exact up to 1,040 inputs, as far as `f32` holds whole numbers.
    #[inline(always)]
    fn dot(inputs: &[Byte], weights: &[i8; 4], sum: f32) -> f32 {
        let products = inputs.iter().zip(weights);
        let products = products.map(|(a, &w)| (i32::from(a.0) - OFFSET) * i32::from(w));
        sum + products.sum::<i32>() as f32
    }

    fn of<'a>(isa: Isa, values: &'a [f32], inverse: &[f32], space: &'a mut [Byte]) -> &'a [Byte] {
        let space = &mut space[..values.len()];
        match isa.kind() {
            // SAFETY: a value of this kind exists only where its features were
            // detected.
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512 | Kind::Avx512Bf16 => unsafe { avx512::scale(values, inverse, space) },
            _ => Self::scale(values, inverse, space),
        }
        space
    }

    #[expect(private_interfaces, reason = "for this crate to call")]
    fn product<O: Number>(isa: Isa, job: &Job<'_, Byte>, out: &mut [O]) {
        match isa.kind() {
            // SAFETY: a value of this kind exists only where its features were
            // detected.
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512 | Kind::Avx512Bf16 => unsafe { avx512::byte_product(job, out) },
            _ => portable::product(job, out),
        }
    }
}

impl Byte {
    #[inline(always)]
    pub(crate) fn scale(values: &[f32], inverse: &[f32], out: &mut [Byte]) {
        let positions = values.chunks(inverse.len());
        for (values, out) in positions.zip(out.chunks_mut(inverse.len())) {
            for ((out, &value), &inverse) in out.iter_mut().zip(values).zip(inverse) {
                *out = Self::from_f32(value * inverse);
            }
        }
    }
}

impl Bf16 {
    #[inline(always)]
    pub(crate) fn convert(values: &[f32], out: &mut [Bf16]) {
        for (out, &value) in out.iter_mut().zip(values) {
            *out = Self::from_f32(value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_the_nearest_and_saturate() {
        for (value, whole) in [
            (0.0, 0.0),
            (-3.4, -3.0),
            (2.5, 2.0),
            (3.5, 4.0),
            (-0.6, -1.0),
            (126.6, 127.0),
            (1e9, 127.0),
            (-127.7, -128.0),
            (f32::NEG_INFINITY, -128.0),
        ] {
            assert_eq!(Byte::from_f32(value).to_f32(), whole, "{value}");
        }
        assert_eq!(Byte::default().to_f32(), 0.0);
        for isa in Isa::all() {
            let values: Vec<f32> = (0..70).map(|i| i as f32 - 35.2).collect();
            let mut space = [Byte::default(); 80];
            let got = Byte::of(isa, &values, &[1.0, 3.0], &mut space);
            let even = |i: usize| if i.is_multiple_of(2) { 1.0 } else { 3.0 };
            let want = values.iter().enumerate();
            let want = want.map(|(i, v)| Byte::from_f32(v * even(i)));
            assert!(got.iter().copied().eq(want), "{isa:?}");
        }
    }

    #[test]
    fn bf16_is_the_nearest_and_even_between_two() {
        for (value, bits) in [
            (1.0, 0x3f80),
            (-2.5, 0xc020),
            (f32::from_bits(0x3f80_8000), 0x3f80),
            (f32::from_bits(0x3f81_8000), 0x3f82),
            (f32::from_bits(0x3f80_8001), 0x3f81),
            (f32::INFINITY, 0x7f80),
        ] {
            assert_eq!(Bf16::from_f32(value), Bf16(bits), "{value}");
        }
        assert_eq!(Bf16(0xc020).to_f32(), -2.5);
    }
}

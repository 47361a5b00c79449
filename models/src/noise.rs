//! Noise for training and for encoding with effort.

use burn::tensor::{Device, Tensor, TensorData};
use rayon::prelude::*;

/// Uniform noise in −½..½ from a seed: SplitMix64 (Steele, Lea and Flood 2014), so
/// that a training step is the same on every backend and in every sitting.
#[derive(Debug)]
pub struct Noise(u64);

impl Noise {
    /// The stream of `seed`.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number of the stream.
    pub fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(STEP);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ (x >> 31)
    }

    /// The stream without its next `count` numbers.
    fn after(&self, count: usize) -> Self {
        Self(self.0.wrapping_add(STEP.wrapping_mul(count as u64)))
    }

    /// The next number in −½..½.
    fn next_uniform(&mut self) -> f32 {
        (self.next_u64() >> 40) as f32 / (1 << 24) as f32 - 0.5
    }

    /// A tensor of noise in −½..½. A number follows from its place in the stream, so that
    /// threads share the work: a batch for an accelerator takes millions.
    pub fn tensor<const D: usize>(&mut self, shape: [usize; D], device: &Device) -> Tensor<D> {
        let count: usize = shape.iter().product();
        let places = (0..count).into_par_iter().with_min_len(1 << 15);
        let values: Vec<f32> = places.map(|i| self.after(i).next_uniform()).collect();
        *self = self.after(count);
        Tensor::from_data(TensorData::new(values, shape), device)
    }
}

/// What the state grows by with every number.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs go on from old checkpoints: the numbers stay what they were, one after another.
    #[test]
    fn noise_is_one_stream_however_it_is_drawn() {
        let count = (1 << 16) + 3;
        let mut one_by_one = Noise::new(9);
        let mut at_once = Noise::new(9);
        let drawn = at_once.tensor([count], &Device::flex()).into_data();
        let drawn = drawn.as_slice::<f32>().unwrap();
        for &value in drawn {
            let next = (one_by_one.next_u64() >> 40) as f32 / (1 << 24) as f32 - 0.5;
            assert_eq!(value, next);
        }
        assert_eq!(at_once.next_u64(), one_by_one.next_u64());
    }
}

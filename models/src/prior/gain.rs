//! One model, every rate: quality, its λ, and the gain vectors.

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor, TensorData};

/// Qualities at which gains are learned; between two, their logarithms are
/// interpolated (Cui et al., *Asymmetric Gained Deep Image Compression*, CVPR
/// 2021, section 3.2).
pub const LEVELS: usize = 8;

/// λ at quality 1: about 0.1 bpp on Kodak.
const LAMBDA_MIN: f64 = 0.0004;
/// λ at quality 100: about 2 bpp on Kodak.
const LAMBDA_MAX: f64 = 0.4;

/// Where quality `q` in 1..=100 lies among the [`LEVELS`]: 0 to `LEVELS − 1`.
pub fn position(q: f64) -> f64 {
    (q - 1.0) / 99.0 * (LEVELS - 1) as f64
}

/// The level nearest to a quality of so many halves (2..=200), by integers alone:
/// it chooses the tables of the hyper-latents.
pub fn level_of(halves: u8) -> usize {
    ((usize::from(halves.max(2)) - 2) * (LEVELS - 1) + 99) / 198
}

/// λ of the loss `bpp + λ·MSE` (MSE of 0..=255 pixels) at quality `q`.
pub fn lambda(q: f64) -> f64 {
    LAMBDA_MIN * (LAMBDA_MAX / LAMBDA_MIN).powf((q - 1.0) / 99.0)
}

/// Interpolation weights `[b, LEVELS]` of a batch of qualities.
pub fn level_weights(qualities: &[f64], device: &Device) -> Tensor<2> {
    let mut weights = vec![0.0f32; qualities.len() * LEVELS];
    for (row, &q) in weights.chunks_exact_mut(LEVELS).zip(qualities) {
        let at = position(q).clamp(0.0, (LEVELS - 1) as f64);
        let low = (at.floor() as usize).min(LEVELS - 2);
        row[low] = (1.0 - (at - low as f64)) as f32;
        row[low + 1] = (at - low as f64) as f32;
    }
    Tensor::from_data(TensorData::new(weights, [qualities.len(), LEVELS]), device)
}

/// Gain vectors: what `y` is multiplied by before rounding, and a separate
/// inverse, so that the reconstruction point can differ from the step's centre.
#[derive(Module, Debug)]
pub struct Gain {
    pub(crate) log_gain: Param<Tensor<2>>,
    pub(crate) log_inverse: Param<Tensor<2>>,
}

impl Gain {
    /// `scale[c]`: how many times smaller than an orthonormal coefficient
    /// channel `c` is. The step of a channel follows from high-rate theory: for
    /// the loss `R + λD` it is proportional to `λ^−½`; 44 grey levels in an
    /// orthonormal transform at λ = 0.013.
    pub fn new(scale: &[f64], device: &Device) -> Self {
        let values: Vec<f32> = (0..LEVELS)
            .flat_map(|level| {
                let q = 1.0 + 99.0 * level as f64 / (LEVELS - 1) as f64;
                let base = (255.0 / 44.0 * (lambda(q) / 0.013).sqrt()).ln();
                scale.iter().map(move |s| (base + s.ln()) as f32)
            })
            .collect();
        let log = Tensor::<2>::from_data(TensorData::new(values, [LEVELS, scale.len()]), device);
        Self {
            log_gain: Param::from_tensor(log.clone()),
            log_inverse: Param::from_tensor(-log),
        }
    }

    /// Gains `[b, c, 1, 1]` for weights of [`level_weights`].
    pub fn gain(&self, weights: &Tensor<2>) -> Tensor<4> {
        vector(weights, &self.log_gain)
    }

    /// Inverse gains `[b, c, 1, 1]`.
    pub fn inverse(&self, weights: &Tensor<2>) -> Tensor<4> {
        vector(weights, &self.log_inverse)
    }
}

fn vector(weights: &Tensor<2>, log: &Param<Tensor<2>>) -> Tensor<4> {
    let gain = weights.clone().matmul(log.val()).exp();
    let [b, c] = gain.dims();
    gain.reshape([b, c, 1, 1])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integer_level_is_the_nearest() {
        for halves in 2..=200u8 {
            let exact = position(f64::from(halves) / 2.0);
            let level = level_of(halves) as f64;
            assert!((level - exact).abs() <= 0.5, "{halves} halves");
        }
        assert_eq!((level_of(2), level_of(200)), (0, LEVELS - 1));
    }

    #[test]
    fn weights_sum_to_one_and_hit_the_levels() {
        let device = Device::flex();
        let rows: Vec<f32> = level_weights(&[1.0, 50.0, 100.0], &device)
            .into_data()
            .try_to_vec()
            .unwrap();
        for row in rows.chunks_exact(LEVELS) {
            assert!((row.iter().sum::<f32>() - 1.0).abs() < 1e-6);
        }
        assert_eq!(rows[0], 1.0);
        assert_eq!(rows[3 * LEVELS - 1], 1.0);
    }
}

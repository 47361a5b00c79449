//! What training, and an encoder with effort, put in the place of rounding.

use burn::tensor::activation::sigmoid;
use burn::tensor::{Tensor, TensorData};
use rayon::prelude::*;

use crate::noise::Noise;
use crate::prior::{Pass, TRELLIS_FROM, covered, straight_through};
use crate::trellis;

/// Width of the noise of residuals on a trellis while latents are refined, in steps. What a
/// trellis leaves is about noise of 0.87; by trial (models/README.md, *Figures*), a little less
/// is better.
const TRELLIS_NOISE: f64 = 0.7;

/// How a forward pass treats rounding.
#[derive(Debug)]
pub enum Rounding {
    /// Training: rates of latents with uniform noise (Ballé et al. 2017), rounded
    /// ones with straight-through gradients for everything else (Minnen and
    /// Singh 2020, section 3.3).
    Noise(Noise),
    /// Encoding with effort: between the two nearest integers, at random and the more
    /// softly the higher the temperature (stochastic Gumbel annealing, Yang, Bamler
    /// and Mandt, NeurIPS 2020, section 3.3).
    Anneal {
        /// Temperature, above 0.
        temperature: f64,
        /// Where the randomness comes from.
        noise: Noise,
        /// Whether there will be a trellis. Of residuals on it nobody knows which integers are the
        /// nearest: they have uniform noise instead, 0.7 steps wide.
        trellis: bool,
    },
    /// As coded without a trellis.
    Hard,
    /// As coded on a trellis, with straight-through gradients; rates of latents with uniform
    /// noise, if there is any.
    Trellis(Option<Noise>),
}

impl Rounding {
    /// (`x` rounded, what the rate is taken of).
    pub(crate) fn apply(&mut self, x: Tensor<4>) -> (Tensor<4>, Tensor<4>) {
        match self {
            Self::Noise(noise) | Self::Trellis(Some(noise)) => {
                let noise = noise.tensor(x.dims(), &x.device());
                (round(x.clone()), x + noise)
            }
            Self::Anneal {
                temperature, noise, ..
            } => {
                let soft = anneal(x, *temperature, noise);
                (soft.clone(), soft)
            }
            Self::Hard | Self::Trellis(None) => {
                let rounded = round(x);
                (rounded.clone(), rounded)
            }
        }
    }

    /// The same for residuals of the positions of `pass`; `scales`: their indices.
    pub(crate) fn residuals(
        &mut self,
        v: Tensor<4>,
        scales: impl FnOnce() -> Tensor<4>,
        pass: Pass,
    ) -> (Tensor<4>, Tensor<4>) {
        let noise = match self {
            Self::Trellis(noise) => noise,
            Self::Anneal {
                temperature,
                noise,
                trellis: true,
            } => {
                let off = scales().detach().lower_elem(f64::from(TRELLIS_FROM));
                let soft = anneal(v.clone(), *temperature, noise);
                let noise = noise.tensor(v.dims(), &v.device());
                let both = (v + noise * TRELLIS_NOISE).mask_where(off, soft);
                return (both.clone(), both);
            }
            _ => return self.apply(v),
        };
        let values = on_trellis(v.clone().detach(), scales().detach(), pass);
        let values = straight_through(v.clone(), values);
        let rate = match noise {
            Some(noise) => v.clone() + noise.tensor(v.dims(), &v.device()),
            None => values.clone(),
        };
        (values, rate)
    }
}

/// A relaxed draw from the two integers around `x`: each has probability
/// ∝ exp(−atanh(distance) / temperature), and the draw is a binary concrete variable of
/// the same temperature (Maddison, Mnih and Teh 2017).
fn anneal(x: Tensor<4>, temperature: f64, noise: &mut Noise) -> Tensor<4> {
    // atanh is infinite at 1.
    const EDGE: f64 = 1e-4;
    let floor = x.clone().detach().floor();
    let up = (x - floor.clone()).clamp(EDGE, 1.0 - EDGE);
    let atanh = |d: Tensor<4>| ((d.clone() + 1.0) / (-d + 1.0)).log() * 0.5;
    // The logarithm of the odds of the upper integer.
    let odds = (atanh(up.clone()) - atanh(-up + 1.0)) / temperature;
    let uniform = (noise.tensor(floor.dims(), &floor.device()) + 0.5).clamp(1e-6, 1.0 - 1e-6);
    let logistic = uniform.clone().log() - (-uniform + 1.0).log();
    floor + sigmoid((odds + logistic) / temperature)
}

/// What residuals `v` of the positions of `pass` are coded as, on a trellis: `[b, channels, h,
/// w]`, as `scales` are. Zero elsewhere.
fn on_trellis(v: Tensor<4>, scales: Tensor<4>, pass: Pass) -> Tensor<4> {
    let ([b, channels, h, w], device) = (v.dims(), v.device());
    let host = |x: Tensor<4>| {
        let values = x.into_data().try_to_vec::<f32>();
        values.expect("floats of a tensor of floats")
    };
    let (v, scales) = (host(v), host(scales));
    let positions: Vec<usize> = covered(pass, h, w).collect();
    let mut values = vec![0.0; v.len()];
    let each = channels * h * w;
    values
        .par_chunks_mut(each)
        .zip(v.par_chunks(each))
        .zip(scales.par_chunks(each))
        .for_each(|((values, v), scales)| {
            let places = || {
                let planes = move |p: &usize| (*p..each).step_by(h * w);
                positions.iter().flat_map(planes)
            };
            let v: Vec<f32> = places().map(|i| v[i]).collect();
            let scales: Vec<u16> = places().map(|i| scales[i] as u16).collect();
            for (i, value) in places().zip(trellis::values(&v, &scales)) {
                values[i] = value;
            }
        });
    Tensor::from_data(TensorData::new(values, [b, channels, h, w]), &device)
}

/// Rounded, with a straight-through gradient.
pub(crate) fn round(x: Tensor<4>) -> Tensor<4> {
    straight_through(x.clone(), x.detach().round())
}

//! What training, and an encoder with effort, put in the place of rounding.

use burn::tensor::activation::sigmoid;
use burn::tensor::{Tensor, TensorData};
use rayon::prelude::*;

use crate::noise::Noise;
use crate::prior::{Pass, Residuals, TrellisConfig, covered, straight_through};
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
    /// As coded on a trellis, with straight-through gradients. Rates are those of what is coded;
    /// their gradients for latents are those of latents with uniform noise, if there is any.
    Trellis(Option<Noise>),
}

/// Residuals `[b, channels, h, w]` when they are rounded.
pub(crate) struct Rounded {
    /// What everything else sees.
    pub r: Tensor<4>,
    /// What the rate is taken of.
    pub rate: Tensor<4>,
    /// On a trellis, what the rate is taken of but for its gradient for latents.
    pub coded: Option<Residuals>,
}

impl From<(Tensor<4>, Tensor<4>)> for Rounded {
    fn from((r, rate): (Tensor<4>, Tensor<4>)) -> Self {
        let coded = None;
        Self { r, rate, coded }
    }
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

    /// The same for residuals of the positions of `pass`, of which some can be on a trellis or
    /// none; `scales`: their indices.
    pub(crate) fn residuals(
        &mut self,
        v: Tensor<4>,
        scales: impl FnOnce() -> Tensor<4>,
        pass: Pass,
        trellis: Option<&TrellisConfig>,
    ) -> Rounded {
        let Some(config) = trellis else {
            return self.apply(v).into();
        };
        let noise = match self {
            Self::Trellis(noise) => noise,
            Self::Anneal {
                temperature,
                noise,
                trellis: true,
            } => {
                let off = scales().detach().lower_elem(config.from as f64);
                let soft = anneal(v.clone(), *temperature, noise);
                let noise = noise.tensor(v.dims(), &v.device());
                let both = (v + noise * TRELLIS_NOISE).mask_where(off, soft);
                return (both.clone(), both).into();
            }
            _ => return self.apply(v).into(),
        };
        let coded = on_trellis(v.clone().detach(), scales().detach(), pass, config);
        let r = straight_through(v.clone(), coded.values.clone());
        let rate = match noise {
            Some(noise) => v.clone() + noise.tensor(v.dims(), &v.device()),
            None => r.clone(),
        };
        Rounded {
            r,
            rate,
            coded: Some(coded),
        }
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
fn on_trellis(v: Tensor<4>, scales: Tensor<4>, pass: Pass, config: &TrellisConfig) -> Residuals {
    let ([b, channels, h, w], device) = (v.dims(), v.device());
    let host = |x: Tensor<4>| {
        let values = x.into_data().try_to_vec::<f32>();
        values.expect("floats of a tensor of floats")
    };
    let (v, scales) = (host(v), host(scales));
    let positions: Vec<usize> = covered(pass, h, w).collect();
    let each = channels * h * w;
    let coded = v.par_chunks(each).zip(scales.par_chunks(each));
    let coded = coded.flat_map_iter(|(v, scales)| {
        let places = || {
            let planes = move |p: &usize| (*p..each).step_by(h * w);
            positions.iter().flat_map(planes)
        };
        let of: Vec<f32> = places().map(|i| v[i]).collect();
        let scales: Vec<u8> = places().map(|i| scales[i] as u8).collect();
        let mut coded = vec![[0.0, 0.5, 0.5]; each];
        for (i, one) in places().zip(trellis::coded(&of, &scales, config)) {
            coded[i] = one;
        }
        coded
    });
    let coded: Vec<[f32; 3]> = coded.collect();
    let tensor = |part: usize| {
        let values: Vec<f32> = coded.iter().map(|one| one[part]).collect();
        Tensor::from_data(TensorData::new(values, [b, channels, h, w]), &device)
    };
    Residuals {
        values: tensor(0),
        around: Some([tensor(1), tensor(2)]),
    }
}

/// Rounded, with a straight-through gradient.
pub(crate) fn round(x: Tensor<4>) -> Tensor<4> {
    straight_through(x.clone(), x.detach().round())
}

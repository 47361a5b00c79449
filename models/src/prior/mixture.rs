//! Gaussian mixtures as training sees them: the likelihood of residuals, alone or
//! in pairs, in the form in which `lic_entropy::Mixtures` codes them.
//!
//! A component of a pair has a weight, an offset and a scale for each of the two,
//! and a correlation (Zhu et al., *Unified Multivariate Gaussian Mixture for
//! Efficient Neural Image Compression*, CVPR 2022, code vectors of latents). The
//! first symbol is coded by the marginal, the second by the conditional mixture:
//! p(r1, r2) = p(r1) · p(r2 | r1). Every parameter is a whole number in 0..=63, as
//! the integer networks say it, with a straight-through gradient.

use burn::config::Config;
use burn::tensor::Tensor;
use lic_entropy::{MAX_COMPONENTS, PARAMETER_CENTRE};

use super::shape::scale_of;

/// Distributions that are mixtures.
#[derive(Config, Debug, PartialEq, Eq)]
pub struct MixtureConfig {
    /// Components, 1 to 4.
    pub components: usize,
    /// Whether neighbouring channels are coded in pairs, with correlation.
    pub paired: bool,
    /// Where the index of the scale is below this (for a pair: both indices), the
    /// plain Gaussian table is used: those symbols are nearly certain.
    pub plain_below: usize,
}

/// What an index of a parameter means, for all code of this file: see BITSTREAM.md.
const LOGITS: f64 = 1.0 / 8.0;
const OFFSETS: f64 = 1.0 / 16.0;
const SCALES: f64 = 1.0 / 2.0;
const CORRELATIONS: f64 = 1.0 / 32.0;
/// Standard deviations beyond which an offset follows the first symbol no further.
const FURTHEST: f64 = 8.0;
/// The least probability of a component, where responsibilities are concerned.
const LEAST: f64 = 1.0 / (1 << 20) as f64;
/// What a table can say at the least.
const RAREST: f64 = 1.0 / 65536.0;

impl MixtureConfig {
    /// Symbols that are coded together.
    pub fn width(&self) -> usize {
        if self.paired { 2 } else { 1 }
    }

    /// Parameters of a component.
    pub fn fields(&self) -> usize {
        lic_entropy::Mixtures::fields(self.paired)
    }

    /// Outputs of a head for the mixtures of `channels` channels, beside their
    /// scales: `[unit][component][field]`.
    pub fn outputs(&self, channels: usize) -> usize {
        channels / self.width() * self.components * self.fields()
    }

    /// What is wrong with it for groups of these `sizes`, if anything is.
    pub fn fault(&self, sizes: &[usize]) -> Option<String> {
        let components = self.components;
        if !(1..=MAX_COMPONENTS).contains(&components) {
            return Some(format!(
                "a mixture of {components} components, not 1 to {MAX_COMPONENTS}"
            ));
        }
        if self.plain_below > lic_entropy::SCALES {
            let (below, limit) = (self.plain_below, lic_entropy::SCALES);
            return Some(format!("plain_below is {below}, at most {limit} scales"));
        }
        let odd = sizes.iter().find(|&&n| n % self.width() != 0);
        odd.map(|n| format!("a group of {n} channels does not go into pairs"))
    }

    /// Where training starts: components nearly equal, their scales a step apart so
    /// that they can part, no offsets, no correlation. One value a field.
    pub(super) fn start(&self, component: usize) -> Vec<f64> {
        let centre = f64::from(PARAMETER_CENTRE);
        let spread = 2.0 * (component as f64 - (self.components - 1) as f64 / 2.0);
        let mut fields = vec![centre; self.fields()];
        let first = 1 + self.width();
        fields[first..first + self.width()].fill(centre + 2.0 * spread);
        fields
    }
}

/// Bits of residuals `v` `[b, channels, h, w]`: `[b, channels / width, h, w]`.
/// `index`: of the scales, `[b, channels, h, w]`; `parameters`: whole numbers,
/// `[b, outputs, h, w]`.
pub fn mixture_bits(
    config: &MixtureConfig,
    v: Tensor<4>,
    index: Tensor<4>,
    parameters: Tensor<4>,
) -> Tensor<4> {
    let [b, channels, h, w] = v.dims();
    let (units, width, area) = (channels / config.width(), config.width(), h * w);
    let split = |t: Tensor<4>, i: usize| {
        let t = t.reshape([b, units, width, area]);
        t.narrow(2, i, 1)
    };
    let shape = [b, units * config.components, config.fields(), area];
    let parameters = parameters.reshape(shape) - f64::from(PARAMETER_CENTRE);
    let field = |i: usize| {
        let field = parameters.clone().narrow(2, i, 1);
        field.reshape([b, units, config.components, area])
    };
    let logits = field(0) * LOGITS;
    let weights = burn::tensor::activation::softmax(logits, 2);
    let parts = |i: usize| {
        let base = split(index.clone(), i);
        let offset = field(1 + i) * OFFSETS * scale_of(base.clone());
        let steps = base + field(1 + width + i) * SCALES;
        let sigma = scale_of(steps.clamp(0.0, (lic_entropy::SCALES - 1) as f64));
        Parts { offset, sigma }
    };

    let (v1, first) = (split(v.clone(), 0), parts(0));
    let mass = first.mass(v1.clone());
    let mut bits = bits_of(&weights, &mass, &first, v1.clone());
    if config.paired {
        let v2 = split(v, 1);
        let responsible = weights * (mass + LEAST);
        let total = responsible.clone().sum_dim(2);
        // As coded: never all of the variance.
        let rho = (field(5) * CORRELATIONS).clamp_min(CORRELATIONS - 1.0);
        let second = first.given(v1, parts(1), rho);
        let mass = second.mass(v2.clone());
        bits = bits + bits_of(&(responsible / total), &mass, &second, v2);
    }
    bits.reshape([b, units, h, w])
}

/// Offsets and scales of components, `[b, units, components, area]`.
struct Parts {
    offset: Tensor<4>,
    sigma: Tensor<4>,
}

impl Parts {
    /// Probability of `v`'s bin of width one in each component.
    fn mass(&self, v: Tensor<4>) -> Tensor<4> {
        let scaled = (self.sigma.clone() * std::f64::consts::SQRT_2).recip();
        // Both ends on the lower tail, where erf keeps its digits apart.
        let off = (v - self.offset.clone()).abs();
        let upper = ((-off.clone() + 0.5) * scaled.clone()).erf();
        let lower = ((-off - 0.5) * scaled).erf();
        (upper - lower) * 0.5
    }

    /// The second's parts given the first symbol.
    ///
    /// The textbook's slope ρσ2/σ1 is that of unrounded values. Of a rounded first
    /// symbol, with noise of variance 1/12, the best linear predictor has
    /// ρσ2 · σ1 / (σ1² + 1/12), and leaves the variance σ2² (1 − ρ² σ1² / (σ1² + 1/12)):
    /// the same for large σ1, and nothing that a zero of small σ1 could pretend to
    /// say.
    fn given(&self, v1: Tensor<4>, second: Self, rho: Tensor<4>) -> Self {
        let variance = self.sigma.clone().square();
        let noisy = variance.clone() + 1.0 / 12.0;
        let off = (v1 - self.offset.clone()) * self.sigma.clone() / noisy.clone();
        let follow = off.clamp(-FURTHEST, FURTHEST) * rho.clone() * second.sigma.clone();
        let left = -(rho.square() * variance / noisy) + 1.0;
        Self {
            offset: second.offset + follow,
            sigma: (second.sigma * left.sqrt()).clamp_min(lic_entropy::scale(0)),
        }
    }
}

/// Bits of `v` in a mixture.
fn bits_of(weights: &Tensor<4>, mass: &Tensor<4>, parts: &Parts, v: Tensor<4>) -> Tensor<4> {
    // As `gaussian_bits`: the rarest a table can say, and far out what an escape costs.
    let far = (v - parts.offset.clone()) / parts.sigma.clone() / (4.0 * std::f64::consts::SQRT_2);
    let floor = (far.square() + 1.0).recip() * RAREST;
    let p = (weights.clone() * (mass.clone() + floor)).sum_dim(2);
    p.log() * -std::f64::consts::LOG2_E
}

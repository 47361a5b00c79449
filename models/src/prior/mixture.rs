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
use lic_entropy::{MAX_COMPONENTS, PARAMETER_CENTRE, TrellisScales};

use super::shape::scale_of;

/// Which symbols can be on a [trellis](lic_entropy::Trellis), by the indices of their scales, and
/// how an encoder chooses them. It belongs to the weights, which have learnt it.
#[derive(Config, Debug, PartialEq)]
pub struct TrellisConfig {
    /// The least index on it, `plain_below` to 64 (none): BITSTREAM.md's T.
    pub from: usize,
    /// Those of an index below this have a zero on their second grid, too, 0 (none) to 64: U.
    pub centred_below: usize,
    /// Squared error, in steps of the quantiser, that an encoder gives for a bit: 0 to 1. At high
    /// rates a bit less makes 2 ln 2 · D more error of D, 0.09 for what a trellis leaves; what
    /// ships has 0.02 and 0.05, by trial (models/README.md, *Figures*).
    pub squared_error_a_bit: f64,
}

impl TrellisConfig {
    /// The scales that are concerned.
    pub fn scales(&self) -> TrellisScales {
        TrellisScales {
            from: self.from as u8,
            centred_below: self.centred_below as u8,
        }
    }

    fn fault(&self, plain_below: usize) -> Option<String> {
        let Self {
            from,
            centred_below,
            squared_error_a_bit: error,
        } = self;
        let limit = lic_entropy::SCALES;
        if !(plain_below..=limit).contains(from) {
            return Some(format!(
                "a trellis from scale {from}, not {plain_below} to {limit}"
            ));
        }
        if *centred_below > limit {
            return Some(format!("centred_below is {centred_below}, at most {limit}"));
        }
        if !(0.0..=1.0).contains(error) {
            return Some(format!("squared_error_a_bit is {error}, not 0 to 1"));
        }
        None
    }
}

/// Distributions that are mixtures.
#[derive(Config, Debug, PartialEq)]
pub struct MixtureConfig {
    /// Components, 1 to 4.
    pub components: usize,
    /// Whether neighbouring channels are coded in pairs, with correlation.
    pub paired: bool,
    /// Where the index of the scale is below this (for a pair: both indices), the
    /// plain Gaussian table is used: those symbols are nearly certain.
    pub plain_below: usize,
    /// Whether symbols can be on a trellis.
    pub trellis: Option<TrellisConfig>,
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
        if let Some(n) = sizes.iter().find(|&&n| n % self.width() != 0) {
            return Some(format!("a group of {n} channels does not go into pairs"));
        }
        let trellis = self.trellis.as_ref();
        trellis.and_then(|trellis| trellis.fault(self.plain_below))
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

/// Residuals, each with the interval whose probability it has; all `[b, channels, h, w]`.
#[derive(Debug, Clone)]
pub struct Residuals {
    /// What they are.
    pub values: Tensor<4>,
    /// By how much their intervals begin below and end above them; halves, if it is not said.
    pub around: Option<[Tensor<4>; 2]>,
}

impl From<Tensor<4>> for Residuals {
    /// In intervals of width one.
    fn from(values: Tensor<4>) -> Self {
        let around = None;
        Self { values, around }
    }
}

/// Bits of residuals: `[b, channels / width, h, w]`. `index`: of the scales, `[b, channels, h,
/// w]`; `parameters`: whole numbers, `[b, outputs, h, w]`.
pub fn mixture_bits(
    config: &MixtureConfig,
    residuals: Residuals,
    index: Tensor<4>,
    parameters: Tensor<4>,
) -> Tensor<4> {
    let Residuals { values: v, around } = residuals;
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

    let around = |i: usize| {
        let around = around.clone();
        around.map(|around| around.map(|by| split(by, i)))
    };
    let (v1, first) = (split(v.clone(), 0), parts(0));
    let mass = first.mass(v1.clone(), around(0));
    let mut bits = bits_of(&weights, &mass, &first, v1.clone());
    if config.paired {
        let v2 = split(v, 1);
        let responsible = weights * (mass + LEAST);
        let total = responsible.clone().sum_dim(2);
        // As coded: never all of the variance.
        let rho = (field(5) * CORRELATIONS).clamp_min(CORRELATIONS - 1.0);
        let second = first.given(v1, parts(1), rho);
        let mass = second.mass(v2.clone(), around(1));
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
    /// Probability of `v`'s interval in each component.
    fn mass(&self, v: Tensor<4>, around: Option<[Tensor<4>; 2]>) -> Tensor<4> {
        let scaled = (self.sigma.clone() * std::f64::consts::SQRT_2).recip();
        // Both ends on the lower tail, where erf keeps its digits apart.
        let off = v - self.offset.clone();
        let (upper, lower) = match around {
            None => {
                let off = off.abs();
                (-off.clone() + 0.5, -off - 0.5)
            }
            Some([below, above]) => {
                let turned = off.clone().detach().greater_elem(0.0);
                let (below, above) = (below.expand(off.dims()), above.expand(off.dims()));
                let near = above.clone().mask_where(turned.clone(), below.clone());
                let far = below.mask_where(turned, above);
                let off = off.abs();
                (-off.clone() + near, -off - far)
            }
        };
        ((upper * scaled.clone()).erf() - (lower * scaled).erf()) * 0.5
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

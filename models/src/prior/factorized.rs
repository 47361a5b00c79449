//! The prior of the hyper-latents `z`: a table per channel and quality level.

use burn::module::{Module, Param};
use burn::tensor::activation::sigmoid;
use burn::tensor::{Device, Tensor};
use lic_entropy::TableSpec;

use super::LEVELS;

/// Symbols of `z` beyond this are coded as escapes.
const REACH: i32 = 24;

/// A discretised logistic distribution for each channel of `z` at each quality
/// level. Simpler than the monotone networks of Ballé et al. 2018 (arXiv
/// 1802.01436, appendix 6.1); `h_a` shapes `z` to fit, and `z` is a few per cent
/// of the bits.
#[derive(Module, Debug)]
pub struct Factorized {
    location: Param<Tensor<2>>,
    log_scale: Param<Tensor<2>>,
}

impl Factorized {
    /// `channels` logistics around zero.
    pub fn new(channels: usize, device: &Device) -> Self {
        Self {
            location: Param::from_tensor(Tensor::zeros([LEVELS, channels], device)),
            log_scale: Param::from_tensor(Tensor::zeros([LEVELS, channels], device)),
        }
    }

    /// Code length in bits of each element of `z` `[b, c, h, w]`; `nearest`:
    /// `[b, LEVELS]`, one at each sample's level.
    pub fn bits(&self, z: Tensor<4>, nearest: &Tensor<2>) -> Tensor<4> {
        let [b, c, _, _] = z.dims();
        let pick = |rows: &Param<Tensor<2>>| -> Tensor<4> {
            nearest.clone().matmul(rows.val()).reshape([b, c, 1, 1])
        };
        let scale = pick(&self.log_scale).exp();
        let v = z - pick(&self.location);
        let upper = sigmoid((v.clone() + 0.5) / scale.clone());
        let lower = sigmoid((v - 0.5) / scale);
        // 2^-16, the rarest a table can say; keeps the logarithm finite.
        (upper - lower + 1.0 / 65536.0).log() * -std::f64::consts::LOG2_E
    }

    /// The integer tables that code `z`: index `level · channels + channel`.
    pub fn freeze(&self) -> Vec<TableSpec> {
        let location: Vec<f32> = host(&self.location);
        let log_scale: Vec<f32> = host(&self.log_scale);
        location
            .iter()
            .zip(&log_scale)
            .map(|(&location, &log_scale)| {
                logistic(f64::from(location), f64::from(log_scale).exp())
            })
            .collect()
    }
}

fn host(rows: &Param<Tensor<2>>) -> Vec<f32> {
    rows.val()
        .into_data()
        .try_to_vec()
        .expect("f32 by construction")
}

/// A 16-bit table of a discretised logistic, with one slot for escapes.
fn logistic(location: f64, scale: f64) -> TableSpec {
    let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
    let centre = location.round().clamp(-1e4, 1e4) as i32;
    // 12 scales hold all but e^-12 of the mass on each side.
    let reach = ((12.0 * scale).ceil() as i32).clamp(1, REACH);
    let (min, max) = (centre - reach, centre + reach);
    let mut weights: Vec<u32> = (min..=max)
        .map(|k| {
            let v = f64::from(k) - location;
            let mass = sigmoid((v + 0.5) / scale) - sigmoid((v - 0.5) / scale);
            (mass * f64::from(1 << 24)) as u32
        })
        .collect();
    weights.push(0); // the escape slot: the least mass there is
    TableSpec::from_weights(min, &weights)
}

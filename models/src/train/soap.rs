//! SOAP (Vyas et al. 2025, "SOAP: Improving and stabilizing Shampoo using Adam", algorithm
//! 3): Adam in the basis in which the gradients of a weight hardly correlate, which is that of
//! the eigenvectors of their covariances along its dimensions, as Shampoo keeps them.
//!
//! Departures: the eigenvectors are computed anew, where the paper takes one step of power
//! iteration and a QR decomposition, and the second moments are carried over to them,
//! where the paper leaves them in their places. Steps are bounded. The taps of a kernel count as
//! one dimension.

use burn::optim::{Optimizer, RecordState, StateSink, StateSource};
use burn::tensor::{Device, Tensor, TensorData};
use nalgebra::{DMatrix, SymmetricEigen};

/// What the covariances remember of a step ago.
const COVARIANCE: f32 = 0.98;
const BETA_1: f32 = 0.9;
const BETA_2: f32 = 0.99;
const EPSILON: f32 = 1e-8;
/// In a basis that stays, mean over deviation is at most
/// (1 − β₁) / √((1 − β₂)(1 − β₁²/β₂)), by Cauchy and Schwarz; where the basis has changed, it
/// could be anything, and weights have gone to where no gradient is a number.
const GREATEST_STEP: f32 = 2.35;
/// Steps between two computations of the eigenvectors.
const EVERY: u64 = 20;
/// Dimensions that are greater keep their own basis: an eigenbasis costs their cube.
const GREATEST: usize = 400;

/// SOAP; its constants are above.
#[derive(Debug, Clone)]
pub struct Soap;

/// What it knows of a weight.
#[derive(Clone, Debug)]
pub struct SoapState<const D: usize> {
    /// Steps seen.
    time: u64,
    /// Mean of the gradients, in the weight's own basis.
    moment_1: Tensor<3>,
    /// Mean of their squares, in the eigenbasis.
    moment_2: Tensor<3>,
    /// Covariances along those dimensions that take part.
    covariances: Vec<Tensor<2>>,
    /// Their eigenvectors, as columns.
    bases: Vec<Tensor<2>>,
}

// Burn's derive for this works in Burn alone.
impl<const D: usize> RecordState for SoapState<D> {
    fn state_flatten(&self, prefix: &str, out: &mut StateSink) {
        out.push_scalar(prefix, "time", self.time.into());
        out.push_tensor(prefix, "moment_1", self.moment_1.to_data());
        out.push_tensor(prefix, "moment_2", self.moment_2.to_data());
        for (i, (covariance, basis)) in self.covariances.iter().zip(&self.bases).enumerate() {
            out.push_tensor(prefix, &format!("covariance{i}"), covariance.to_data());
            out.push_tensor(prefix, &format!("basis{i}"), basis.to_data());
        }
    }

    fn state_unflatten(prefix: &str, src: &mut StateSource, device: &Device) -> Option<Self> {
        let mut state = Self {
            time: src.take_scalar(prefix, "time")?.try_into().ok()?,
            moment_1: Tensor::from_data(src.take_tensor(prefix, "moment_1")?, device),
            moment_2: Tensor::from_data(src.take_tensor(prefix, "moment_2")?, device),
            covariances: Vec::new(),
            bases: Vec::new(),
        };
        for i in 0..3 {
            let Some(covariance) = src.take_tensor(prefix, &format!("covariance{i}")) else {
                break;
            };
            let basis = src.take_tensor(prefix, &format!("basis{i}"))?;
            state
                .covariances
                .push(Tensor::from_data(covariance, device));
            state.bases.push(Tensor::from_data(basis, device));
        }
        Some(state)
    }
}

impl Optimizer for Soap {
    type State<const D: usize> = SoapState<D>;

    fn step<const D: usize>(
        &self,
        lr: f64,
        tensor: Tensor<D>,
        grad: Tensor<D>,
        state: Option<Self::State<D>>,
    ) -> (Tensor<D>, Option<Self::State<D>>) {
        let shape = tensor.dims();
        let grad = grad.reshape(folded(&shape));
        let sides = sides(grad.dims());
        let mut state = state.unwrap_or_else(|| SoapState {
            time: 0,
            moment_1: grad.zeros_like(),
            moment_2: grad.zeros_like(),
            covariances: sides
                .iter()
                .map(|&side| {
                    let n = grad.dims()[side];
                    Tensor::zeros([n, n], &grad.device())
                })
                .collect(),
            bases: Vec::new(),
        });
        state.time += 1;
        for (covariance, &side) in state.covariances.iter_mut().zip(&sides) {
            let along = unfold(grad.clone(), side);
            let now = along.clone().matmul(along.transpose());
            *covariance = covariance.clone() * COVARIANCE + now * (1.0 - COVARIANCE);
        }
        if state.time % EVERY == 1 {
            let bases: Vec<Tensor<2>> = state.covariances.iter().map(eigenvectors).collect();
            // What does not correlate in the old basis has these squares in the new one.
            let between = |(old, new): (&Tensor<2>, &Tensor<2>)| {
                old.clone().transpose().matmul(new.clone()).square()
            };
            let squares: Vec<_> = state.bases.iter().zip(&bases).map(between).collect();
            state.moment_2 = turn(state.moment_2, &sides, &squares, Way::There);
            state.bases = bases;
        }
        state.moment_1 = state.moment_1 * BETA_1 + grad.clone() * (1.0 - BETA_1);
        let turned = turn(grad, &sides, &state.bases, Way::There);
        state.moment_2 = state.moment_2 * BETA_2 + turned.square() * (1.0 - BETA_2);

        let time = state.time as i32;
        let mean = turn(state.moment_1.clone(), &sides, &state.bases, Way::There)
            / (1.0 - BETA_1.powi(time));
        let deviation = (state.moment_2.clone() / (1.0 - BETA_2.powi(time))).sqrt();
        let step = (mean / (deviation + EPSILON)).clamp(-GREATEST_STEP, GREATEST_STEP);
        let delta = turn(step, &sides, &state.bases, Way::Back);
        (tensor - delta.reshape(shape) * lr, Some(state))
    }

    fn to_device<const D: usize>(mut state: Self::State<D>, device: &Device) -> Self::State<D> {
        let moved = |list: Vec<Tensor<2>>| list.into_iter().map(|t| t.to_device(device)).collect();
        state.moment_1 = state.moment_1.to_device(device);
        state.moment_2 = state.moment_2.to_device(device);
        state.covariances = moved(state.covariances);
        state.bases = moved(state.bases);
        state
    }
}

/// A shape as output channels, input channels and taps of the kernel.
fn folded(shape: &[usize]) -> [usize; 3] {
    let at = |i: usize| shape.get(i).copied().unwrap_or(1);
    [at(0), at(1), shape.iter().skip(2).product()]
}

/// The dimensions that take part: none of a vector, for which SOAP is Adam.
fn sides(dims: [usize; 3]) -> Vec<usize> {
    let takes_part = |&side: &usize| (2..=GREATEST).contains(&dims[side]);
    match dims[1] * dims[2] {
        1 => Vec::new(),
        _ => (0..3).filter(takes_part).collect(),
    }
}

/// A matrix whose rows go along a dimension.
fn unfold(x: Tensor<3>, side: usize) -> Tensor<2> {
    let dims = x.dims();
    let rest = dims.iter().product::<usize>() / dims[side];
    x.swap_dims(0, side).reshape([dims[side], rest])
}

#[derive(Clone, Copy)]
enum Way {
    There,
    Back,
}

/// Into the bases, or out of them.
fn turn(mut x: Tensor<3>, sides: &[usize], bases: &[Tensor<2>], way: Way) -> Tensor<3> {
    for (&side, basis) in sides.iter().zip(bases) {
        let mut swapped = x.dims();
        swapped.swap(0, side);
        let rows = unfold(x, side);
        let turned = match way {
            Way::There => basis.clone().transpose().matmul(rows),
            Way::Back => basis.clone().matmul(rows),
        };
        x = turned.reshape(swapped).swap_dims(0, side);
    }
    x
}

/// Of a covariance, the one of the greatest eigenvalue first.
fn eigenvectors(covariance: &Tensor<2>) -> Tensor<2> {
    let [n, _] = covariance.dims();
    let values: Vec<f32> = covariance.to_data().iter::<f32>().collect();
    let greatest = values.iter().fold(0.0, |max: f32, v| max.max(v.abs()));
    // No gradient has come yet, or one that is no number.
    if greatest == 0.0 || !values.iter().all(|v| v.is_finite()) {
        return Tensor::eye(n, &covariance.device());
    }
    // In double precision, for squares of small gradients are near the least of single, and
    // with a little of something on top: nalgebra's eigenvectors overflow where much is zero.
    let shaken = |i: usize| {
        let (low, high) = ((i / n).min(i % n), (i / n).max(i % n));
        let hash = ((low * n + high) as u32).wrapping_mul(2_654_435_761) >> 8;
        f64::from(values[i] / greatest) + 1e-7 * (f64::from(hash) / f64::from(1 << 23) - 1.0)
    };
    let eigen = SymmetricEigen::new(DMatrix::from_fn(n, n, |i, j| shaken(i * n + j)));
    if !eigen.eigenvectors.iter().all(|v| v.is_finite()) {
        return Tensor::eye(n, &covariance.device());
    }
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|&a, &b| eigen.eigenvalues[b].total_cmp(&eigen.eigenvalues[a]));
    let values: Vec<f32> = (0..n * n)
        .map(|i| eigen.eigenvectors[(i / n, order[i % n])] as f32)
        .collect();
    Tensor::from_data(TensorData::new(values, [n, n]), &covariance.device())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The gradient of |AWB|²/2 where A and B stretch directions that no axis has.
    fn gradient(w: &Tensor<2>) -> Tensor<2> {
        let stretched = |n: usize| {
            let values: Vec<f32> = (0..n * n)
                .map(|i| {
                    let (row, column) = ((i / n) as f32, (i % n) as f32);
                    let wave = (row + 0.5) * column * std::f32::consts::PI / n as f32;
                    wave.cos() * 0.7f32.powf(column)
                })
                .collect();
            Tensor::<2>::from_data(TensorData::new(values, [n, n]), &w.device())
        };
        let [rows, columns] = w.dims();
        let (a, b) = (stretched(rows), stretched(columns));
        let inner = a.clone().transpose().matmul(w.clone()).matmul(b.clone());
        a.matmul(inner).matmul(b.transpose())
    }

    fn norm(x: &Tensor<2>) -> f32 {
        x.clone().square().sum().sqrt().into_scalar()
    }

    fn descend<O: Optimizer>(optimiser: &O, steps: u32) -> f32 {
        let device = Device::flex();
        let ramp = (0..96).map(|i| (i % 7) as f32 - 3.0).collect::<Vec<_>>();
        let mut w = Tensor::<2>::from_data(TensorData::new(ramp, [8, 12]), &device);
        let mut state = None;
        for step in 0..steps {
            let grad = gradient(&w);
            let rate = 0.1 * f64::from(steps - step) / f64::from(steps);
            (w, state) = optimiser.step(rate, w, grad, state);
        }
        norm(&gradient(&w))
    }

    #[test]
    fn it_descends_where_no_axis_goes() {
        let adam = burn::optim::AdamConfig::new().with_beta_2(0.99).build();
        let (with_soap, with_adam) = (descend(&Soap, 150), descend(&adam, 150));
        assert!(with_soap < 0.5 * with_adam, "{with_soap} {with_adam}");
    }

    #[test]
    fn a_turn_there_and_back_is_none() {
        let device = Device::flex();
        let values: Vec<f32> = (0..60).map(|i| (i * i % 17) as f32 - 8.0).collect();
        let x = Tensor::<3>::from_data(TensorData::new(values, [5, 4, 3]), &device);
        let sides = sides(x.dims());
        assert_eq!(sides, [0, 1, 2]);
        let bases: Vec<Tensor<2>> = sides
            .iter()
            .map(|&side| {
                let along = unfold(x.clone(), side);
                eigenvectors(&along.clone().matmul(along.transpose()))
            })
            .collect();
        let there = turn(x.clone(), &sides, &bases, Way::There);
        let back = turn(there.clone(), &sides, &bases, Way::Back);
        let greatest = |x: Tensor<3>| x.abs().max().into_scalar::<f32>();
        assert!(greatest(back - x.clone()) < 1e-4);
        // In its eigenbasis the covariance is diagonal, its greatest value first.
        let along = unfold(there, 1);
        let covariance = along.clone().matmul(along.transpose()).to_data();
        let covariance: Vec<f32> = covariance.iter::<f32>().collect();
        for (i, v) in covariance.iter().enumerate().filter(|(i, _)| i % 5 != 0) {
            assert!(v.abs() < 1e-3 * covariance[0], "{i}: {v}");
        }
    }

    #[test]
    fn a_vector_goes_by_adam() {
        let device = Device::flex();
        let vector = |values: [f32; 3]| Tensor::<1>::from_data(values, &device);
        let grad = vector([1.0, -2.0, 1e-3]);
        let (moved, _) = Soap.step(0.1, vector([0.0; 3]), grad, None);
        for (v, expected) in moved.to_data().iter::<f32>().zip([-0.1, 0.1, -0.1]) {
            assert!((v - expected).abs() < 1e-4, "{v} {expected}");
        }
    }
}

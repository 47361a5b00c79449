//! Adam with a global bound on the gradient, slower KLT layers, and a running
//! mean of the weights.

use std::any::Any;
use std::collections::HashMap;

use burn::lr_scheduler::LrSchedulerConfig;
use burn::lr_scheduler::module_lr_scheduler::{ModuleLearningRate, ModuleLrSchedulerConfig};
use burn::module::{Module, ModuleMapper, ModuleVisitor, Param, ParamGroup, ParamId};
use burn::optim::{AdamConfig, GradientsParams, ModuleOptimizer};
use burn::tensor::Tensor;

use super::Schedule;
use super::run::TrainError;

/// Adam as the recipe wants it.
pub fn adam() -> ModuleOptimizer {
    AdamConfig::new()
        .with_beta_1(0.9)
        .with_beta_2(0.99)
        .with_epsilon(1e-8)
        .init()
}

/// The rates at a step: a tenth or so for what starts as the KLT.
pub fn rates(schedule: &Schedule, step: u64) -> Result<ModuleLearningRate, TrainError> {
    let rate = schedule.rate_at(step);
    let slow = LrSchedulerConfig::Constant(rate * schedule.klt_factor);
    ModuleLrSchedulerConfig::new(LrSchedulerConfig::Constant(rate))
        .with_group(ParamGroup::from_predicate("klt_"), slow)
        .init()
        .map(|mut scheduler| scheduler.step())
        .map_err(TrainError::Schedule)
}

/// Scales all gradients so that their common norm is at most `bound`; Burn's own
/// clipping is per tensor. Returns the norm before, which is not finite if any
/// gradient is not.
pub fn clip<M: Module>(
    module: &M,
    mut grads: GradientsParams,
    bound: f64,
) -> (GradientsParams, f64) {
    let mut squares = Squares {
        grads: &grads,
        sums: Vec::new(),
    };
    module.visit(&mut squares);
    let norm = match squares.sums.len() {
        0 => 0.0,
        _ => f64::from(Tensor::cat(squares.sums, 0).sum().into_scalar::<f32>()).sqrt(),
    };
    if norm > bound {
        module.visit(&mut Scale {
            grads: &mut grads,
            factor: bound / norm,
        });
    }
    (grads, norm)
}

struct Squares<'a> {
    grads: &'a GradientsParams,
    sums: Vec<Tensor<1>>,
}

impl ModuleVisitor for Squares<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(grad) = self.grads.get::<D>(param.id) {
            self.sums.push(grad.square().sum());
        }
    }
}

struct Scale<'a> {
    grads: &'a mut GradientsParams,
    factor: f64,
}

impl ModuleVisitor for Scale<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(grad) = self.grads.remove::<D>(param.id) {
            self.grads.register(param.id, grad * self.factor);
        }
    }
}

/// Moves `mean` towards `module`: mean ← decay·mean + (1 − decay)·module.
pub fn follow<M: Module>(mean: M, module: &M, decay: f64) -> M {
    let mut now = Collect::default();
    module.visit(&mut now);
    mean.map(&mut Blend {
        now: now.tensors,
        decay,
    })
}

#[derive(Default)]
struct Collect {
    tensors: HashMap<ParamId, Box<dyn Any>>,
}

impl ModuleVisitor for Collect {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.tensors.insert(param.id, Box::new(param.val()));
    }
}

struct Blend {
    now: HashMap<ParamId, Box<dyn Any>>,
    decay: f64,
}

impl ModuleMapper for Blend {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let now = self
            .now
            .remove(&param.id)
            .and_then(|t| t.downcast::<Tensor<D>>().ok());
        let decay = self.decay;
        match now {
            Some(now) => param.map(|mean| mean * decay + *now * (1.0 - decay)),
            None => param,
        }
    }
}

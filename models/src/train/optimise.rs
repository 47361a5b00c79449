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

/// What the names of modules and parameters that start as the KLT have in them.
const KLT: &str = "klt_";

/// Adam as the recipe wants it.
pub fn adam() -> ModuleOptimizer {
    AdamConfig::new()
        .with_beta_1(0.9)
        .with_beta_2(0.99)
        .with_epsilon(1e-8)
        .init()
}

/// The rates at a step: a tenth or so for what starts as the KLT.
fn rates(schedule: &Schedule, step: u64) -> Result<ModuleLearningRate, TrainError> {
    let rate = schedule.rate_at(step);
    let slow = LrSchedulerConfig::Constant(rate * schedule.klt_factor);
    ModuleLrSchedulerConfig::new(LrSchedulerConfig::Constant(rate))
        .with_group(ParamGroup::from_predicate(KLT), slow)
        .init()
        .map(|mut scheduler| scheduler.step())
        .map_err(TrainError::Schedule)
}

/// One step of `optimiser` with gradients whose common norm is at most the schedule's bound
/// (Burn's own clipping is per tensor), on two vectors of all parameters: on an accelerator a
/// step takes as long as it has operations, and Adam alone has a dozen for each tensor.
///
/// Returns the norm before; if it is not finite, nothing was changed.
pub fn descend<M: Module>(
    optimiser: &mut ModuleOptimizer,
    schedule: &Schedule,
    step: u64,
    module: M,
    grads: GradientsParams,
) -> Result<(M, f64), TrainError> {
    let Gathered {
        all,
        mut grads,
        places,
    } = gather(&module, grads);
    let ids = [SLOW, OTHERS].map(ParamId::from);
    let squares = ids.map(|id| grads.get::<1>(id).map(|grads| grads.square().sum()));
    let squares: Vec<Tensor<1>> = squares.into_iter().flatten().collect();
    if squares.is_empty() {
        return Ok((module, 0.0));
    }
    let norm = f64::from(Tensor::cat(squares, 0).sum().into_scalar::<f32>()).sqrt();
    if !norm.is_finite() {
        return Ok((module, norm));
    }
    if norm > schedule.clip {
        for id in ids {
            if let Some(vector) = grads.remove::<1>(id) {
                grads.register(id, vector * (schedule.clip / norm));
            }
        }
    }
    let all = optimiser.step(rates(schedule, step)?, all, grads);
    let values = [(SLOW, all.klt_), (OTHERS, all.others)];
    let values = values
        .into_iter()
        .filter_map(|(id, vector)| Some((id, vector?.val().inner())));
    let mut scatter = Scatter {
        places,
        values: values.collect(),
    };
    Ok((module.map(&mut scatter), norm))
}

/// The two vectors, their gradients by [`SLOW`] and [`OTHERS`], and where in which of them each
/// parameter begins.
struct Gathered {
    all: Vectors,
    grads: GradientsParams,
    places: HashMap<ParamId, (u64, usize)>,
}

fn gather<M: Module>(module: &M, mut grads: GradientsParams) -> Gathered {
    let mut lists = Lists {
        grads: &mut grads,
        in_klt: 0,
        slow: List::default(),
        others: List::default(),
    };
    module.visit(&mut lists);
    let mut places = HashMap::new();
    let mut vectors = GradientsParams::new();
    let mut vector = |list: List, id: u64| -> Option<Param<Tensor<1>>> {
        if list.values.is_empty() {
            return None;
        }
        places.extend(list.places.iter().map(|&(param, at)| (param, (id, at))));
        let id = ParamId::from(id);
        vectors.register(id, Tensor::cat(list.grads, 0));
        let values = Tensor::from_inner(Tensor::cat(list.values, 0));
        Some(Param::initialized(id, values.require_grad()))
    };
    let all = Vectors {
        klt_: vector(lists.slow, SLOW),
        others: vector(lists.others, OTHERS),
    };
    Gathered {
        all,
        grads: vectors,
        places,
    }
}

/// Numbers by which the optimiser knows the two vectors.
const SLOW: u64 = 1;
const OTHERS: u64 = 2;
/// Parameters begin at multiples of so many numbers, as fast kernels want them to.
const ALIGNED: usize = 8;

/// All parameters. [`rates`] goes by the names of the fields.
#[derive(Module, Debug)]
struct Vectors {
    klt_: Option<Param<Tensor<1>>>,
    others: Option<Param<Tensor<1>>>,
}

/// Parameters and their gradients, in the order of a module.
#[derive(Default)]
struct List {
    values: Vec<Tensor<1>>,
    grads: Vec<Tensor<1>>,
    places: Vec<(ParamId, usize)>,
    length: usize,
}

/// Those that start as the KLT apart from the others.
struct Lists<'a> {
    grads: &'a mut GradientsParams,
    /// Modules around that are of the KLT.
    in_klt: usize,
    slow: List,
    others: List,
}

impl ModuleVisitor for Lists<'_> {
    fn enter_module(&mut self, name: &str, _: &str) {
        self.in_klt += usize::from(name.contains(KLT));
    }

    fn exit_module(&mut self, name: &str, _: &str) {
        self.in_klt -= usize::from(name.contains(KLT));
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let value = param.val();
        if !value.is_require_grad() {
            return;
        }
        let value = value.inner();
        // What had no part in this step goes on as its moments say.
        let grad = self.grads.remove::<D>(param.id);
        let grad = grad.unwrap_or_else(|| value.zeros_like());
        let list = match self.in_klt {
            0 => &mut self.others,
            _ => &mut self.slow,
        };
        let length = grad.shape().num_elements();
        list.places.push((param.id, list.length));
        list.values.push(value.reshape([length]));
        let device = grad.device();
        list.grads.push(grad.reshape([length]));
        let empty = length.next_multiple_of(ALIGNED) - length;
        if empty > 0 {
            let zeros = Tensor::zeros([empty], &device);
            list.values.push(zeros.clone());
            list.grads.push(zeros);
        }
        list.length += length + empty;
    }
}

/// Gives parameters their new values.
struct Scatter {
    places: HashMap<ParamId, (u64, usize)>,
    values: HashMap<u64, Tensor<1>>,
}

impl ModuleMapper for Scatter {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let place = self.places.get(&param.id);
        let Some((values, at)) = place.and_then(|(id, at)| Some((self.values.get(id)?, *at)))
        else {
            return param;
        };
        param.map(|old| {
            let shape = old.shape();
            let new = values.clone().narrow(0, at, shape.num_elements());
            Tensor::from_inner(new.reshape(shape)).require_grad()
        })
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

#[cfg(test)]
mod tests {
    use burn::nn::{Linear, LinearConfig};
    use burn::tensor::Device;

    use super::*;

    #[derive(Module, Debug)]
    struct Two {
        klt_a: Linear,
        b: Linear,
    }

    impl Two {
        /// Large in even steps, small in odd ones.
        fn gradients(&self, x: &Tensor<2>, step: u64) -> GradientsParams {
            let y = self.b.forward(self.klt_a.forward(x.clone()));
            let loss = y.square().mean() * [1e3, 1e-3][step as usize % 2];
            GradientsParams::from_grads(loss.backward(), self)
        }

        fn numbers(&self) -> Vec<f32> {
            struct All(Vec<f32>);
            impl ModuleVisitor for All {
                fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
                    let values = param.val().into_data().try_to_vec::<f32>();
                    self.0.extend(values.unwrap());
                }
            }
            let mut all = All(Vec::new());
            self.visit(&mut all);
            all.0
        }
    }

    /// On two vectors of all parameters it is what Burn does on each of them, with a bound on
    /// their common norm that holds in every other step. Sums in another order, in single
    /// precision, are off by some 1e-7; a step is 1e-2.
    #[test]
    fn a_step_on_vectors_is_one_on_each_parameter() {
        let device = Device::flex().autodiff();
        let layer = |from, to| LinearConfig::new(from, to).init(&device);
        let (klt_a, b) = (layer(5, 7), layer(7, 3));
        let mut vectors = Two { klt_a, b };
        let mut each = vectors.clone();
        let (mut of_vectors, mut of_each) = (adam(), adam());
        let schedule = Schedule {
            steps: 20,
            rate: 0.01,
            klt_factor: 0.1,
            warmup: 3,
            decay: 10,
            final_factor: 0.02,
            clip: 0.5,
            ema: 0.99,
        };
        let mut bounded = 0;
        for step in 0..12 {
            let x = crate::noise::Noise::new(step).tensor([4, 5], &device) * 6.0;
            let grads = each.gradients(&x, step);
            let squares = [&each.klt_a, &each.b].map(|layer| {
                let weight = grads.get::<2>(layer.weight.id).unwrap();
                let bias = grads.get::<1>(layer.bias.as_ref().unwrap().id).unwrap();
                let sum = weight.square().sum() + bias.square().sum();
                sum.into_scalar::<f32>()
            });
            let expected = f64::from(squares.iter().sum::<f32>()).sqrt();
            let mut grads = grads;
            if expected > schedule.clip {
                bounded += 1;
                each.visit(&mut Times(&mut grads, schedule.clip / expected));
            }
            each = of_each.step(rates(&schedule, step).unwrap(), each, grads);

            let grads = vectors.gradients(&x, step);
            let (next, norm) = descend(&mut of_vectors, &schedule, step, vectors, grads).unwrap();
            vectors = next;
            assert!((norm - expected).abs() < 1e-5 * expected);
            for (a, b) in vectors.numbers().iter().zip(each.numbers()) {
                assert!((a - b).abs() < 1e-5, "step {step}: {a}, not {b}");
            }
        }
        assert_eq!(bounded, 6);
    }

    struct Times<'a>(&'a mut GradientsParams, f64);

    impl ModuleVisitor for Times<'_> {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            let grad = self.0.remove::<D>(param.id).unwrap();
            self.0.register(param.id, grad * self.1);
        }
    }
}

//! Networks of one layout of steps as the start of another's.

use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::Tensor;

/// For step `i` of a new layout the head of step `steps[i]` of an old one, as parameters
/// of their own: an optimiser tells parameters apart by their ids.
pub(super) fn heads_of<M: Module>(heads: &[M], steps: &[usize]) -> Vec<M> {
    let copied = |&step: &usize| heads[step].clone().map(&mut Renamed);
    steps.iter().map(copied).collect()
}

struct Renamed;

impl ModuleMapper for Renamed {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        Param::from_tensor(param.val().detach())
    }
}

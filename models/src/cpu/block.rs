use lic_kernels::{Bf16, Byte, Finish, Isa, Number, Rows};
use rayon::prelude::*;

use super::conv::{Conv, Span, Weights};
use super::grid::{Grid, Region, tiles};
use super::layer::Layer;
use super::steps::BlockSteps;
use super::{Precision, TILE};
use crate::profile::{self, Part, Work, timed};
use crate::transform;

/// A residual block, see [`transform::Block`]. Its branches compute with numbers of
/// type `T`; the residual stream is of `f32`.
#[derive(Debug)]
pub(super) struct Block<T: Number> {
    reduce: Layer<T>,
    spatial: Conv<T>,
    expand: Layer<T>,
    gate: Layer<T>,
    merge: Layer<T>,
    convert: Part,
    /// One over the steps of what `reduce` and `gate` read, if numbers are whole.
    inverse: [Vec<f32>; 2],
}

impl<T: Number> Block<T> {
    /// With the steps of its tensors, if numbers are whole.
    fn new(
        block: &transform::Block,
        stage: profile::Stage,
        steps: Option<&BlockSteps>,
    ) -> Result<Self, String> {
        use profile::Layer::*;
        let part = |layer| Part::Block(stage, layer);
        let mut reduce = Weights::of(&block.reduce)?;
        let mut spatial = Weights::of(&block.spatial)?;
        let mut expand = Weights::of(&block.expand)?;
        let mut gate = Weights::of(&block.gate)?;
        let mut merge = Weights::of(&block.merge)?;
        if let Some([x, reduced, branch, between, hidden]) = steps {
            // What a layer reads comes in steps, and what it writes to another layer goes
            // in those of that one. The other outputs join the residual stream as they are.
            let as_it_is = |_| 1.0;
            reduce = reduce.scaled(|i| x[i], |o| 1.0 / reduced[o]);
            spatial = spatial.scaled(|i| reduced[i], |o| 1.0 / branch[o]);
            expand = expand.scaled(|i| branch[i], as_it_is);
            // ReLU(u)·v: v takes the step.
            let v = |o: usize| o.checked_sub(hidden.len()).map_or(1.0, |o| 1.0 / hidden[o]);
            gate = gate.scaled(|i| between[i], v);
            merge = merge.scaled(|i| hidden[i], as_it_is);
        }
        let inverse = |tensor: usize| -> Vec<f32> {
            let steps = steps.iter().flat_map(|steps| &steps[tensor]);
            steps.map(|step| 1.0 / step).collect()
        };
        Ok(Self {
            reduce: reduce.pointwise(part(Reduce)),
            spatial: spatial.conv(part(Spatial)),
            expand: expand.pointwise(part(Expand)),
            gate: gate.gate(part(Gate)),
            merge: merge.pointwise(part(Merge)),
            convert: part(Convert),
            inverse: [inverse(0), inverse(3)],
        })
    }

    /// Replaces a tile of the residual stream by the block's output. Its first
    /// layer has been computed into `reduced`.
    fn tile(&self, isa: Isa, x: &mut [f32], reduced: &Grid<T>, span: Span, inner: &mut Inner<T>) {
        let (width, bottleneck) = (self.reduce.inputs(), self.reduce.outputs());
        let branch = &mut inner.branch[..span.count * bottleneck];
        self.spatial
            .run(isa, reduced, span, Finish::Relu, branch, bottleneck);
        let branch = Rows::dense(branch, bottleneck);
        self.expand.multiply(isa, branch, Finish::Add, x, width);
        let hidden = &mut inner.hidden[..span.count * self.gate.outputs()];
        let [_, inverse] = &self.inverse;
        let known = convert(self.convert, isa, x, inverse, &mut inner.converted);
        self.gate.multiply(
            isa,
            Rows::dense(known, width),
            Finish::Gate,
            hidden,
            self.gate.outputs(),
        );
        let hidden = Rows::dense(hidden, self.gate.outputs());
        self.merge.multiply(isa, hidden, Finish::Add, x, width);
    }
}

/// What a tile has between the layers of a block.
struct Inner<T> {
    branch: Vec<T>,
    hidden: Vec<T>,
    /// The residual stream as `T`.
    converted: Vec<T>,
}

/// The blocks at one resolution.
#[derive(Debug)]
pub(super) enum Stage {
    Single(Vec<Block<f32>>),
    Bf16(Vec<Block<Bf16>>),
    Bytes(Vec<Block<Byte>>),
}

impl Stage {
    /// With the steps of its blocks, if there are any: `Precision::Bytes` is bfloat16
    /// without.
    pub(super) fn new(
        blocks: &[transform::Block],
        precision: Precision,
        stage: profile::Stage,
        steps: Option<&[BlockSteps]>,
    ) -> Result<Self, String> {
        Ok(match (precision, steps) {
            (Precision::Single, _) => Self::Single(pack(blocks, stage, None)?),
            (Precision::Bytes, Some(steps)) => Self::Bytes(pack(blocks, stage, Some(steps))?),
            _ => Self::Bf16(pack(blocks, stage, None)?),
        })
    }

    /// What must be known of the residual stream of `size` before the blocks, for
    /// `region` to be known behind them.
    pub(super) fn needs(&self, region: &Region, size: [usize; 2]) -> Region {
        let blocks = match self {
            Self::Single(blocks) => blocks.len(),
            Self::Bf16(blocks) => blocks.len(),
            Self::Bytes(blocks) => blocks.len(),
        };
        region.grown(blocks, size)
    }

    /// Runs the blocks over `x`, of which [`needs`](Self::needs) of `region` is
    /// known; afterwards `region` is right, and around it is something between.
    pub(super) fn run(&self, isa: Isa, x: &mut Grid<f32>, region: &Region) {
        match self {
            Self::Single(blocks) => run(isa, blocks, x, region),
            Self::Bf16(blocks) => run(isa, blocks, x, region),
            Self::Bytes(blocks) => run(isa, blocks, x, region),
        }
    }
}

fn pack<T: Number>(
    blocks: &[transform::Block],
    stage: profile::Stage,
    steps: Option<&[BlockSteps]>,
) -> Result<Vec<Block<T>>, String> {
    let of = |(i, block)| Block::new(block, stage, steps.and_then(|steps| steps.get(i)));
    blocks.iter().enumerate().map(of).collect()
}

/// Activations as the numbers that products take.
fn convert<'a, T: Number>(
    part: Part,
    isa: Isa,
    values: &'a [f32],
    inverse: &[f32],
    space: &'a mut [T],
) -> &'a [T] {
    let work = || Work::moved(values.len() * (size_of::<f32>() + size_of::<T>()));
    timed(part, work, || T::of(isa, values, inverse, space))
}

fn run<T: Number>(isa: Isa, blocks: &[Block<T>], x: &mut Grid<f32>, region: &Region) {
    let size = [x.h, x.w];
    let Some(first) = blocks.first() else { return };
    let mut reduced = Grid::new(size, first.reduce.outputs(), 1);
    let mut next = reduced.clone();
    let needed = region.grown(blocks.len(), size);
    reduce(isa, first, x, &mut reduced, &needed);
    for (i, block) in blocks.iter().enumerate() {
        let region = region.grown(blocks.len() - 1 - i, size);
        let then = blocks.get(i + 1);
        pass(isa, block, x, &reduced, then, &mut next, &region);
        std::mem::swap(&mut reduced, &mut next);
    }
}

/// The first layer of the first block.
fn reduce<T: Number>(
    isa: Isa,
    block: &Block<T>,
    x: &Grid<f32>,
    reduced: &mut Grid<T>,
    region: &Region,
) {
    let (layer, [inverse, _]) = (&block.reduce, &block.inverse);
    let (from, to) = (layer.inputs(), layer.outputs());
    let space = || vec![T::default(); region.x.len() * from];
    reduced
        .rows_mut(region.y.clone())
        .zip(region.y.clone())
        .for_each_init(space, |space, (out, y)| {
            let row = &x.row(y)[region.x.start * from..region.x.end * from];
            let row = Rows::dense(convert(block.convert, isa, row, inverse, space), from);
            let out = &mut out[region.x.start * to..];
            layer.multiply(isa, row, Finish::Store, out, to);
        });
}

/// A block over `region`, and the first layer of the one that follows.
fn pass<T: Number>(
    isa: Isa,
    block: &Block<T>,
    x: &mut Grid<f32>,
    reduced: &Grid<T>,
    then: Option<&Block<T>>,
    next: &mut Grid<T>,
    region: &Region,
) {
    let (width, bottleneck) = (x.channels, reduced.channels);
    let inner = || Inner {
        branch: vec![T::default(); TILE * bottleneck],
        hidden: vec![T::default(); TILE * block.gate.outputs()],
        converted: vec![T::default(); TILE * width],
    };
    x.rows_mut(region.y.clone())
        .zip(next.rows_mut(region.y.clone()))
        .zip(region.y.clone())
        .for_each_init(inner, |inner, ((x, next), y)| {
            for tile in tiles(region.x.clone(), TILE) {
                let span = Span {
                    y,
                    x: tile.start,
                    step: 1,
                    count: tile.len(),
                };
                let x = &mut x[tile.start * width..tile.end * width];
                block.tile(isa, x, reduced, span, inner);
                if let Some(then) = then {
                    let next = &mut next[tile.start * bottleneck..];
                    let [inverse, _] = &then.inverse;
                    let x = convert(block.convert, isa, x, inverse, &mut inner.converted);
                    let x = Rows::dense(x, width);
                    then.reduce
                        .multiply(isa, x, Finish::Store, next, bottleneck);
                }
            }
        });
}

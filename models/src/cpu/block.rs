use lic_kernels::{Bf16, Finish, Isa, Matrix, Number, Rows};
use rayon::prelude::*;

use super::conv::{Conv, Span, Weights};
use super::grid::{Grid, Region, tiles};
use super::{Precision, TILE};
use crate::transform;

/// A residual block, see [`transform::Block`]. Its branches compute with numbers of
/// type `T`; the residual stream is of `f32`.
#[derive(Debug)]
pub(super) struct Block<T: Number> {
    reduce: Matrix<T>,
    spatial: Conv<T>,
    expand: Matrix<T>,
    gate: Matrix<T>,
    merge: Matrix<T>,
}

impl<T: Number> Block<T> {
    fn new(block: &transform::Block) -> Result<Self, String> {
        Ok(Self {
            reduce: Weights::of(&block.reduce)?.pointwise(),
            spatial: Weights::of(&block.spatial)?.conv(),
            expand: Weights::of(&block.expand)?.pointwise(),
            gate: Weights::of(&block.gate)?.gate(),
            merge: Weights::of(&block.merge)?.pointwise(),
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
        let known = T::of(isa, x, &mut inner.converted);
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
}

impl Stage {
    pub(super) fn new(blocks: &[transform::Block], precision: Precision) -> Result<Self, String> {
        Ok(match precision {
            Precision::Single => Self::Single(pack(blocks)?),
            Precision::Bf16 => Self::Bf16(pack(blocks)?),
        })
    }

    /// What must be known of the residual stream of `size` before the blocks, for
    /// `region` to be known behind them.
    pub(super) fn needs(&self, region: &Region, size: [usize; 2]) -> Region {
        let blocks = match self {
            Self::Single(blocks) => blocks.len(),
            Self::Bf16(blocks) => blocks.len(),
        };
        region.grown(blocks, size)
    }

    /// Runs the blocks over `x`, of which [`needs`](Self::needs) of `region` is
    /// known; afterwards `region` is right, and around it is something between.
    pub(super) fn run(&self, isa: Isa, x: &mut Grid<f32>, region: &Region) {
        match self {
            Self::Single(blocks) => run(isa, blocks, x, region),
            Self::Bf16(blocks) => run(isa, blocks, x, region),
        }
    }
}

fn pack<T: Number>(blocks: &[transform::Block]) -> Result<Vec<Block<T>>, String> {
    blocks.iter().map(Block::new).collect()
}

fn run<T: Number>(isa: Isa, blocks: &[Block<T>], x: &mut Grid<f32>, region: &Region) {
    let size = [x.h, x.w];
    let Some(first) = blocks.first() else { return };
    let mut reduced = Grid::new(size, first.reduce.outputs(), 1);
    let mut next = reduced.clone();
    let needed = region.grown(blocks.len(), size);
    reduce(isa, &first.reduce, x, &mut reduced, &needed);
    for (i, block) in blocks.iter().enumerate() {
        let region = region.grown(blocks.len() - 1 - i, size);
        let then = blocks.get(i + 1).map(|block| &block.reduce);
        pass(isa, block, x, &reduced, then, &mut next, &region);
        std::mem::swap(&mut reduced, &mut next);
    }
}

/// The first layer of the first block.
fn reduce<T: Number>(
    isa: Isa,
    layer: &Matrix<T>,
    x: &Grid<f32>,
    reduced: &mut Grid<T>,
    region: &Region,
) {
    let (from, to) = (layer.inputs(), layer.outputs());
    let space = || vec![T::default(); region.x.len() * from];
    reduced
        .rows_mut(region.y.clone())
        .zip(region.y.clone())
        .for_each_init(space, |space, (out, y)| {
            let row = &x.row(y)[region.x.start * from..region.x.end * from];
            let row = Rows::dense(T::of(isa, row, space), from);
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
    then: Option<&Matrix<T>>,
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
                    let x = T::of(isa, x, &mut inner.converted);
                    let x = Rows::dense(x, width);
                    then.multiply(isa, x, Finish::Store, next, bottleneck);
                }
            }
        });
}

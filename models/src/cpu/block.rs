use lic_kernels::{Finish, Isa, Matrix, Rows};
use rayon::prelude::*;

use super::TILE;
use super::conv::{Conv, Span, Weights};
use super::grid::{Grid, Region, tiles};
use crate::transform;

/// A residual block, see [`transform::Block`].
#[derive(Debug)]
pub(super) struct Block {
    reduce: Matrix,
    spatial: Conv,
    expand: Matrix,
    gate: Matrix,
    merge: Matrix,
}

impl Block {
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
    fn tile(&self, isa: Isa, x: &mut [f32], reduced: &Grid, span: Span, inner: &mut Inner) {
        let (width, bottleneck) = (self.reduce.inputs(), self.reduce.outputs());
        let branch = &mut inner.branch[..span.count * bottleneck];
        self.spatial
            .run(isa, reduced, span, Finish::Relu, branch, bottleneck);
        let branch = Rows::dense(branch, bottleneck);
        self.expand.multiply(isa, branch, Finish::Add, x, width);
        let hidden = &mut inner.hidden[..span.count * self.gate.outputs()];
        self.gate.multiply(
            isa,
            Rows::dense(x, width),
            Finish::Gate,
            hidden,
            self.gate.outputs(),
        );
        let hidden = Rows::dense(hidden, self.gate.outputs());
        self.merge.multiply(isa, hidden, Finish::Add, x, width);
    }
}

/// What a tile has between the layers of a block.
struct Inner {
    branch: Vec<f32>,
    hidden: Vec<f32>,
}

/// The blocks at one resolution.
#[derive(Debug)]
pub(super) struct Stage(Vec<Block>);

impl Stage {
    pub(super) fn new(blocks: &[transform::Block]) -> Result<Self, String> {
        blocks
            .iter()
            .map(Block::new)
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// What must be known of the residual stream of `size` before the blocks, for
    /// `region` to be known behind them.
    pub(super) fn needs(&self, region: &Region, size: [usize; 2]) -> Region {
        region.grown(self.0.len(), size)
    }

    /// Runs the blocks over `x`, of which [`needs`](Self::needs) of `region` is
    /// known; afterwards `region` is right, and around it is something between.
    pub(super) fn run(&self, isa: Isa, x: &mut Grid, region: &Region) {
        let size = [x.h, x.w];
        let Some(first) = self.0.first() else { return };
        let mut reduced = Grid::new(size, first.reduce.outputs(), 1);
        reduce(
            isa,
            &first.reduce,
            x,
            &mut reduced,
            &self.needs(region, size),
        );
        let mut next = reduced.clone();
        for (i, block) in self.0.iter().enumerate() {
            let behind = self.0.len() - 1 - i;
            let region = region.grown(behind, size);
            let then = self.0.get(i + 1).map(|block| &block.reduce);
            pass(isa, block, x, &reduced, then, &mut next, &region);
            std::mem::swap(&mut reduced, &mut next);
        }
    }
}

/// The first layer of the first block.
fn reduce(isa: Isa, layer: &Matrix, x: &Grid, reduced: &mut Grid, region: &Region) {
    let (from, to) = (layer.inputs(), layer.outputs());
    reduced
        .rows_mut(region.y.clone())
        .zip(region.y.clone())
        .for_each(|(out, y)| {
            let row = &x.row(y)[region.x.start * from..region.x.end * from];
            let out = &mut out[region.x.start * to..];
            layer.multiply(isa, Rows::dense(row, from), Finish::Store, out, to);
        });
}

/// A block over `region`, and the first layer of the one that follows.
fn pass(
    isa: Isa,
    block: &Block,
    x: &mut Grid,
    reduced: &Grid,
    then: Option<&Matrix>,
    next: &mut Grid,
    region: &Region,
) {
    let (width, bottleneck) = (x.channels, reduced.channels);
    let inner = || Inner {
        branch: vec![0.0; TILE * bottleneck],
        hidden: vec![0.0; TILE * block.gate.outputs()],
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
                    let x = Rows::dense(x, width);
                    then.multiply(isa, x, Finish::Store, next, bottleneck);
                }
            }
        });
}

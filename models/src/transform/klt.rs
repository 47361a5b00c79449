//! The start: a lapped 16x16 KLT, computed from pictures.

use burn::module::Param;
use burn::nn::conv::Conv2d;
use burn::tensor::{Device, Tensor, TensorData};
use nalgebra::{DMatrix, SymmetricEigen};

use super::{Lapped, unshuffle};

/// Principal components of lapped 8x8 patches, and of 2x2 groups of those.
///
/// Both levels are orthonormal, so their transposes are exact inverses on the
/// space kept. For the network, channel `c` of a level is divided by
/// `sqrt(std_c)`: the plain KLT's channels differ by 300 to 1 in size, too much
/// for one learning rate; after the square root it is 17 to 1. The synthesis
/// side multiplies it back, so the map from pixels to pixels is the same.
#[derive(Debug, Clone)]
pub struct Klt {
    /// `[n][192]`: rows are components of an 8x8 patch of three colours.
    fine: DMatrix<f64>,
    /// `sqrt(std)` of each.
    fine_scale: Vec<f64>,
    /// `[m][4n]`: rows are components of 2x2 groups.
    coarse: DMatrix<f64>,
    /// `sqrt(std)` of each.
    coarse_scale: Vec<f64>,
}

/// Why no KLT could be computed.
#[derive(Debug, thiserror::Error)]
pub enum KltError {
    /// The covariance of so few patches would not have full rank.
    #[error(
        "{patches} patches of 16x16 pixels are too few for a KLT; at least {needed} are needed"
    )]
    TooFew {
        /// Patches given.
        patches: usize,
        /// Patches needed.
        needed: usize,
    },
}

impl Klt {
    /// From batches of pictures `[b, 3, h, w]` in 0..=1: keeps `n` components of
    /// 8x8 patches and `m` of 2x2 groups.
    pub fn from_pictures(pictures: &[Tensor<4>], n: usize, m: usize) -> Result<Self, KltError> {
        let lapped = Lapped::new();
        let patches: Vec<DMatrix<f64>> = pictures
            .iter()
            .map(|x| samples(unshuffle(lapped.pre(x.clone() - 0.5), 8)))
            .collect();
        let count: usize = patches.iter().map(DMatrix::ncols).sum();
        let needed = 16 * 4 * n;
        if count < needed {
            return Err(KltError::TooFew {
                patches: count,
                needed,
            });
        }
        let (fine, fine_std) = principal(&patches, n);
        let groups: Vec<DMatrix<f64>> = pictures
            .iter()
            .zip(&patches)
            .map(|(x, patch)| {
                let [b, _, h, w] = x.dims();
                group(&fine * patch, [b, n, h / 8, w / 8])
            })
            .collect();
        let (coarse, coarse_std) = principal(&groups, m);
        Ok(Self {
            fine,
            fine_scale: roots(&fine_std),
            coarse,
            coarse_scale: roots(&coarse_std),
        })
    }

    /// How many times smaller than its orthonormal coefficient each channel of
    /// `y` is; also its standard deviation, since `std / sqrt(std) = sqrt(std)`.
    pub fn latent_scale(&self) -> &[f64] {
        &self.coarse_scale
    }

    /// The same with its latents in an order that says nothing of their energy.
    pub fn shuffled(self) -> Self {
        let m = self.coarse_scale.len();
        // A stride without a common divisor visits every channel once.
        let stride = (m / 2..m).find(|&s| gcd(s, m) == 1).unwrap_or(1);
        let order: Vec<usize> = (0..m).map(|i| (i + 1) * stride % m).collect();
        let coarse = self.coarse.select_rows(&order);
        let coarse_scale = order.iter().map(|&i| self.coarse_scale[i]).collect();
        Self {
            coarse,
            coarse_scale,
            ..self
        }
    }

    pub(super) fn embed(&self, layer: &mut Conv2d, device: &Device) {
        set(layer, &self.fine, |o, _| 1.0 / self.fine_scale[o], device);
    }

    pub(super) fn down(&self, layer: &mut Conv2d, device: &Device) {
        let scale = |o: usize, i: usize| self.fine_scale[i / 4] / self.coarse_scale[o];
        set(layer, &self.coarse, scale, device);
    }

    pub(super) fn up(&self, layer: &mut Conv2d, device: &Device) {
        let scale = |o: usize, i: usize| self.coarse_scale[i] / self.fine_scale[o / 4];
        set(layer, &self.coarse.transpose(), scale, device);
    }

    pub(super) fn pixels(&self, layer: &mut Conv2d, device: &Device) {
        set(
            layer,
            &self.fine.transpose(),
            |_, i| self.fine_scale[i],
            device,
        );
    }
}

fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// Writes a matrix, scaled entry by entry, into a 1x1 convolution; bias zero.
fn set(layer: &mut Conv2d, m: &DMatrix<f64>, scale: impl Fn(usize, usize) -> f64, device: &Device) {
    let (rows, columns) = m.shape();
    let values: Vec<f32> = (0..rows * columns)
        .map(|i| (i / columns, i % columns))
        .map(|(o, i)| (m[(o, i)] * scale(o, i)) as f32)
        .collect();
    let data = TensorData::new(values, [rows, columns, 1, 1]);
    layer.weight = Param::from_tensor(Tensor::from_data(data, device));
    layer.bias = Some(Param::from_tensor(Tensor::zeros([rows], device)));
}

/// `sqrt(std)`, floored at a thousandth of the largest so that a channel which is
/// nearly empty is not blown up.
fn roots(std: &[f64]) -> Vec<f64> {
    let floor = std.iter().copied().fold(0.0, f64::max) * 1e-3;
    std.iter().map(|s| s.max(floor).sqrt()).collect()
}

/// `[b, c, h, w]` as a matrix with a column a position.
fn samples(x: Tensor<4>) -> DMatrix<f64> {
    let [b, c, h, w] = x.dims();
    let x = x.permute([0, 2, 3, 1]);
    let values: Vec<f32> = x.into_data().try_to_vec().expect("f32 by construction");
    DMatrix::from_iterator(c, b * h * w, values.into_iter().map(f64::from))
}

/// Columns of `[b, n, h, w]` joined in 2x2 groups: row `4c + 2dy + dx`.
fn group(x: DMatrix<f64>, [b, n, h, w]: [usize; 4]) -> DMatrix<f64> {
    let (hh, hw) = (h / 2, w / 2);
    DMatrix::from_fn(4 * n, b * hh * hw, |row, column| {
        let (c, dy, dx) = (row / 4, row / 2 % 2, row % 2);
        let (i, y, x_) = (column / (hh * hw), column / hw % hh, column % hw);
        x[(c, (i * h + 2 * y + dy) * w + 2 * x_ + dx)]
    })
}

/// The `keep` strongest components, as rows, and their standard deviations. The
/// mean is not taken out: a constant patch is the first component.
fn principal(samples: &[DMatrix<f64>], keep: usize) -> (DMatrix<f64>, Vec<f64>) {
    let dim = samples[0].nrows();
    let mut covariance = DMatrix::<f64>::zeros(dim, dim);
    for block in samples {
        covariance += block * block.transpose();
    }
    let count: usize = samples.iter().map(DMatrix::ncols).sum();
    covariance /= count as f64;
    let eigen = SymmetricEigen::new(covariance);
    let mut order: Vec<usize> = (0..dim).collect();
    order.sort_by(|&a, &b| eigen.eigenvalues[b].total_cmp(&eigen.eigenvalues[a]));
    order.truncate(keep);
    let components = DMatrix::from_fn(keep, dim, |row, column| {
        eigen.eigenvectors[(column, order[row])]
    });
    let std = order
        .iter()
        .map(|&i| eigen.eigenvalues[i].max(0.0).sqrt())
        .collect();
    (components, std)
}

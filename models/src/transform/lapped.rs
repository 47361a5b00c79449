use burn::tensor::{Device, Tensor, TensorData};

/// Rows of a filter across one block boundary.
const TAPS: usize = 8;

/// The orthogonal lapped filter of Tran, Liang and Tu, *Lapped transform via
/// time-domain pre- and post-filtering* (IEEE TSP 51(6), 2003), section III:
/// eight samples across every 8-pixel boundary, four on each side, are mixed by
///
/// ```text
/// P = 1/2 [I  J; J -I] diag(I, V) [I  J; J -I],   V = J C_IIᵀ C_IV J
/// ```
///
/// A block transform between the filter and its transpose is a lapped transform:
/// its quantisation error does not stop at the block's edge, so no grid is seen.
/// Boundaries of the picture itself are left alone.
#[derive(Debug, Clone)]
pub struct Lapped {
    /// `P`, row by row.
    p: [[f32; TAPS]; TAPS],
}

impl Default for Lapped {
    fn default() -> Self {
        Self::new()
    }
}

impl Lapped {
    /// Builds `P`.
    pub fn new() -> Self {
        let v = middle();
        let half = TAPS / 2;
        // Butterfly B = [I J; J -I], as entry (row, column).
        let b = |r: usize, c: usize| -> f64 {
            match (r < half, c < half) {
                (true, true) => f64::from(r == c),
                (true, false) => f64::from(r == TAPS - 1 - c),
                (false, true) => f64::from(TAPS - 1 - r == c),
                (false, false) => -f64::from(r == c),
            }
        };
        let d = |r: usize, c: usize| -> f64 {
            match (r < half, c < half) {
                (true, true) => f64::from(r == c),
                (false, false) => v[r - half][c - half],
                _ => 0.0,
            }
        };
        let mut p = [[0.0; TAPS]; TAPS];
        for (r, row) in p.iter_mut().enumerate() {
            for (c, value) in row.iter_mut().enumerate() {
                let mut sum = 0.0;
                for i in 0..TAPS {
                    for j in 0..TAPS {
                        sum += b(r, i) * d(i, j) * b(j, c);
                    }
                }
                *value = (0.5 * sum) as f32;
            }
        }
        Self { p }
    }

    /// `P`, row by row.
    pub(crate) fn matrix(&self) -> &[[f32; TAPS]; TAPS] {
        &self.p
    }

    /// Before analysis. `x`: `[b, c, h, w]`, `h` and `w` multiples of 8.
    pub fn pre(&self, x: Tensor<4>) -> Tensor<4> {
        // Rows are samples, so the filter multiplies from the right, transposed.
        self.both_ways(x, |r, c| self.p[c][r])
    }

    /// After synthesis: the inverse of [`pre`](Self::pre), which for an
    /// orthogonal filter is its transpose.
    pub fn post(&self, x: Tensor<4>) -> Tensor<4> {
        self.both_ways(x, |r, c| self.p[r][c])
    }

    fn both_ways(&self, x: Tensor<4>, entry: impl Fn(usize, usize) -> f32) -> Tensor<4> {
        let matrix = matrix(entry, &x.device());
        let x = along_width(x, &matrix).swap_dims(2, 3);
        along_width(x, &matrix).swap_dims(2, 3)
    }
}

fn matrix(entry: impl Fn(usize, usize) -> f32, device: &Device) -> Tensor<2> {
    let values: Vec<f32> = (0..TAPS * TAPS)
        .map(|i| entry(i / TAPS, i % TAPS))
        .collect();
    Tensor::from_data(TensorData::new(values, [TAPS, TAPS]), device)
}

/// Filters across the vertical boundaries at 8, 16, … of `x`.
fn along_width(x: Tensor<4>, matrix: &Tensor<2>) -> Tensor<4> {
    let [b, c, h, w] = x.dims();
    let half = TAPS / 2;
    if w < 2 * TAPS {
        return x;
    }
    let inner = w - TAPS;
    let left = x.clone().narrow(3, 0, half);
    let right = x.clone().narrow(3, w - half, half);
    let middle = x
        .narrow(3, half, inner)
        .reshape([b * c * h * (inner / TAPS), TAPS])
        .matmul(matrix.clone())
        .reshape([b, c, h, inner]);
    Tensor::cat(vec![left, middle, right], 3)
}

/// `V = J C_IIᵀ C_IV J` with the 4-point type-II and type-IV DCTs.
fn middle() -> [[f64; TAPS / 2]; TAPS / 2] {
    const N: usize = TAPS / 2;
    let angle = std::f64::consts::PI / N as f64;
    let norm = (2.0 / N as f64).sqrt();
    let c2 = |k: usize, n: usize| {
        let scale = if k == 0 {
            std::f64::consts::FRAC_1_SQRT_2
        } else {
            1.0
        };
        norm * scale * (angle * (n as f64 + 0.5) * k as f64).cos()
    };
    let c4 = |k: usize, n: usize| norm * (angle * (n as f64 + 0.5) * (k as f64 + 0.5)).cos();
    let mut v = [[0.0; N]; N];
    for (r, row) in v.iter_mut().enumerate() {
        for (c, value) in row.iter_mut().enumerate() {
            // J on both sides reverses rows and columns.
            *value = (0..N).map(|k| c2(k, N - 1 - r) * c4(k, N - 1 - c)).sum();
        }
    }
    v
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::standard::Noise;

    #[test]
    fn filter_is_orthogonal() {
        let p = Lapped::new().p;
        for r in 0..TAPS {
            for c in 0..TAPS {
                let dot: f32 = (0..TAPS).map(|k| p[r][k] * p[c][k]).sum();
                let want = f32::from(u8::from(r == c));
                // Sums of eight products near one, in f32.
                assert!((dot - want).abs() < 1e-6, "row {r} · row {c} = {dot}");
            }
        }
    }

    #[test]
    fn post_undoes_pre() {
        let x = Noise::new(1).tensor([1, 3, 32, 40], &Device::flex());
        let lapped = Lapped::new();
        let back = lapped.post(lapped.pre(x.clone()));
        let worst: f32 = (back - x).abs().max().into_scalar();
        assert!(worst < 1e-5, "{worst}");
    }

    /// The filter must take smoothness out of a block's edge: a ramp, after it,
    /// steps less across the boundary than inside.
    #[test]
    fn a_ramp_is_flattened_towards_block_centres() {
        let ramp: Vec<f32> = (0..32).map(|i| i as f32).collect();
        let rows: Vec<f32> = ramp.iter().cycle().take(32 * 16).copied().collect();
        let x = Tensor::<4>::from_data(TensorData::new(rows, [1, 1, 16, 32]), &Device::flex());
        let y: Vec<f32> = Lapped::new().pre(x).into_data().try_to_vec().unwrap();
        let inside = (y[8 * 32 + 12] - y[8 * 32 + 11]).abs();
        let across = (y[8 * 32 + 16] - y[8 * 32 + 15]).abs();
        assert!(across > inside, "across {across}, inside {inside}");
    }
}

use super::*;
use crate::number::{Bf16, Byte};

/// Numbers in −½..½ that do not repeat.
fn noise(count: usize, seed: u64) -> Vec<f32> {
    let mut state = seed;
    let mut next = || {
        state = state
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        (state >> 40) as f32 / (1 << 24) as f32 - 0.5
    };
    (0..count).map(|_| next()).collect()
}

/// A product in double precision, by its definition.
fn sums(rows: Rows<'_, f32>, outputs: usize, w: &[f32], bias: &[f32]) -> Vec<f64> {
    let mut sums = Vec::new();
    for r in 0..rows.count {
        let row: Vec<f32> = rows
            .segments
            .iter()
            .flat_map(|s| &rows.data[s + r * rows.stride..][..rows.length])
            .copied()
            .collect();
        for o in 0..outputs {
            let products = row.iter().zip(&w[o * row.len()..]);
            let dot: f64 = products.map(|(&a, &b)| f64::from(a) * f64::from(b)).sum();
            sums.push(dot + bias.get(o).map_or(0.0, |&b| f64::from(b)));
        }
    }
    sums
}

fn compare(got: f32, want: f64, what: &str) {
    // Up to 300 products of at most 1/4, summed one after another in f32:
    // half a unit in the last place of a sum below 8, each time, is 7e-5 at
    // the very worst; rounding errors of random sign stay far below.
    assert!(
        (f64::from(got) - want).abs() < 2e-5,
        "{what}: {got}, {want}"
    );
}

#[test]
fn products_of_every_shape_and_finish() {
    for isa in Isa::all() {
        for (outputs, count) in [(1, 1), (16, 5), (40, 13), (48, 12), (64, 31), (130, 7)] {
            let (segments, length, stride) = ([3, 80, 10], 21, 7);
            let inputs = segments.len() * length;
            let data = noise(80 + 30 * stride + length, 1);
            let rows = Rows {
                data: &data,
                segments: &segments,
                length,
                stride,
                count,
            };
            let (w, bias) = (noise(outputs * inputs, 2), noise(outputs, 3));
            let matrix = Matrix::new(outputs, inputs, &bias, |o, i| w[o * inputs + i]);
            let want = sums(rows, outputs, &w, &bias);
            let before = noise(count * (outputs + 3), 4);
            for finish in [Finish::Store, Finish::Relu, Finish::Add] {
                let mut out = before.clone();
                matrix.multiply(isa, rows, finish, &mut out, outputs + 3);
                for (i, (&got, &old)) in out.iter().zip(&before).enumerate() {
                    let (r, o) = (i / (outputs + 3), i % (outputs + 3));
                    if o >= outputs {
                        assert_eq!(got, old, "written behind row {r}");
                        continue;
                    }
                    let sum = want[r * outputs + o];
                    let want = match finish {
                        Finish::Relu => sum.max(0.0),
                        Finish::Add => f64::from(old) + sum,
                        _ => sum,
                    };
                    compare(got, want, &format!("{isa:?} {finish:?} {outputs} {r} {o}"));
                }
            }
        }
    }
}

#[test]
fn gates_meet_their_partners() {
    for isa in Isa::all() {
        for hidden in [5, 16, 40] {
            let (inputs, count) = (37, 14);
            let data = noise(inputs * count, 1);
            let (w, bias) = (noise(2 * hidden * inputs, 2), noise(2 * hidden, 3));
            let rows = Rows::dense(&data, inputs);
            let matrix = Matrix::gate(hidden, inputs, &bias, |o, i| w[o * inputs + i]);
            let want = sums(rows, 2 * hidden, &w, &bias);
            let mut out = vec![0.0; count * hidden];
            matrix.multiply(isa, rows, Finish::Gate, &mut out, hidden);
            for (i, &got) in out.iter().enumerate() {
                let at = i / hidden * 2 * hidden + i % hidden;
                let want = want[at].max(0.0) * want[at + hidden];
                compare(got, want, &format!("{isa:?} hidden {hidden}, {i}"));
            }
        }
    }
}

/// Inputs and weights are rounded, and so is what is stored; sums are not.
#[test]
fn bf16_products_round_their_inputs_only() {
    for isa in Isa::all() {
        let (outputs, inputs, count) = (40, 62, 25);
        let data: Vec<Bf16> = Bf16::of(
            isa,
            &noise(inputs * count, 1),
            &[],
            &mut vec![Bf16::default(); inputs * count],
        )
        .to_vec();
        let exact: Vec<f32> = data.iter().map(|x| x.to_f32()).collect();
        let w: Vec<f32> = noise(outputs * inputs, 2)
            .iter()
            .map(|&w| Bf16::from_f32(w).to_f32())
            .collect();
        let bias = noise(outputs, 3);
        let matrix = Matrix::<Bf16>::new(outputs, inputs, &bias, |o, i| w[o * inputs + i]);
        let want = sums(Rows::dense(&exact, inputs), outputs, &w, &bias);
        let rows = Rows::dense(&data, inputs);
        let mut out = vec![1.0f32; count * outputs];
        matrix.multiply(isa, rows, Finish::Add, &mut out, outputs);
        for (i, (&got, &want)) in out.iter().zip(&want).enumerate() {
            compare(got, want + 1.0, &format!("{isa:?} {i}"));
        }
        let mut out = vec![Bf16::default(); count * outputs];
        matrix.multiply(isa, rows, Finish::Relu, &mut out, outputs);
        for (got, &want) in out.iter().zip(&want) {
            let error = (f64::from(got.to_f32()) - want.max(0.0)).abs();
            // Half a unit in the last of eight places.
            assert!(
                error <= want.abs() / 256.0 + 1e-5,
                "{isa:?}: {got:?}, {want}"
            );
        }
    }
}

/// Whole numbers whose weights have steps of powers of two: sums are exact, and so
/// is everything else. Every instruction set gives the same.
#[test]
fn bytes_multiply_exactly() {
    for isa in Isa::all() {
        for (inputs, outputs, count) in [(40, 62, 25), (576, 17, 5), (12, 64, 13)] {
            let whole = |values: Vec<f32>, by: f32| -> Vec<f32> {
                values.iter().map(|v| (v * by).round_ties_even()).collect()
            };
            let exact = whole(noise(inputs * count, 1), 255.0);
            let mut space = vec![Byte::default(); inputs * count];
            let data = Byte::of(isa, &exact, &vec![1.0; inputs], &mut space).to_vec();
            let mut w = whole(noise(outputs * inputs, 2), 254.0);
            // The greatest of each output, so that its step is what it is made with.
            w.chunks_exact_mut(inputs).for_each(|w| w[3] = -127.0);
            let step = |o: usize| 2f32.powi(o as i32 % 5 - 12);
            let w: Vec<f32> = (0..outputs * inputs)
                .map(|i| w[i] * step(i / inputs))
                .collect();
            let bias = whole(noise(outputs, 3), 64.0);
            let want = sums(Rows::dense(&exact, inputs), outputs, &w, &bias);
            let matrix = Matrix::<Byte>::new(outputs, inputs, &bias, |o, i| w[o * inputs + i]);
            let rows = Rows::dense(&data, inputs);
            let mut out = vec![1.0f32; count * outputs];
            matrix.multiply(isa, rows, Finish::Add, &mut out, outputs);
            for (i, (&got, &want)) in out.iter().zip(&want).enumerate() {
                assert_eq!(f64::from(got), want + 1.0, "{isa:?} {i}");
            }
            let mut out = vec![Byte::default(); count * outputs];
            matrix.multiply(isa, rows, Finish::Relu, &mut out, outputs);
            let nearest = want
                .iter()
                .map(|&want| Byte::from_f32(want.max(0.0) as f32));
            assert!(out.iter().copied().eq(nearest), "{isa:?}");
        }
    }
}

#[test]
#[should_panic(expected = "output")]
fn an_output_too_small_is_refused() {
    let matrix = Matrix::new(4, 2, &[], |_, _| 1.0);
    let rows = Rows::dense(&[1.0; 6], 2);
    matrix.multiply(Isa::best(), rows, Finish::Store, &mut [0.0; 11], 4);
}

//! The networks in our own code against Burn's, with the weights that ship.

use burn::tensor::{Device, Tensor, TensorData};
use lic_codec::{Area, Digest};
use lic_kernels::Isa;

use super::block::Stage;
use super::grid::Grid;
use super::grid::Region;
use super::{CpuNetworks, LATENT_STRIDE, Precision, Steps};
use crate::MODELS;
use crate::networks::Networks;
use crate::prior::{Pass, covered, level_weights, parity_mask};
use crate::profile::Stage as Place;
use crate::standard::{Noise, Standard, quality_plane};

fn shipped() -> Standard {
    MODELS[0].weights.thaw(&Device::flex()).unwrap()
}

/// Channels last to Burn's order.
fn tensor(values: &[f32], [h, w]: [usize; 2]) -> Tensor<4> {
    let channels = values.len() / (h * w);
    let data = TensorData::new(values.to_vec(), [1, h, w, channels]);
    Tensor::<4>::from_data(data, &Device::flex()).permute([0, 3, 1, 2])
}

/// And back.
fn last(x: Tensor<4>) -> Vec<f32> {
    let x = x.permute([0, 2, 3, 1]);
    x.into_data().try_to_vec().unwrap()
}

fn noise(seed: u64, count: usize, scale: f32) -> Vec<f32> {
    let x = Noise::new(seed).tensor([count], &Device::flex()) * scale;
    x.into_data().try_to_vec().unwrap()
}

/// The middle of a photograph, `[16 h][16 w][3]` in 0..=1.
fn photograph([h, w]: [usize; 2]) -> Vec<f32> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/pictures/kodim23.png");
    let picture = image::open(path).unwrap().to_rgb8();
    let (h, w) = ((LATENT_STRIDE * h) as u32, (LATENT_STRIDE * w) as u32);
    let crop = image::imageops::crop_imm(&picture, 100, 90, w, h).to_image();
    assert_eq!(crop.dimensions(), (w, h));
    crop.iter().map(|&v| f32::from(v) / 255.0).collect()
}

/// Each number is a sum of up to 2889 products, and passes up to 37 layers whose
/// sums are taken in another order here than there: relative to the greatest
/// output, errors near 37^½·2^-24·2889^½ = 2e-5 are what rounding does (Higham,
/// *Accuracy and Stability of Numerical Algorithms*, section 2.8: errors grow with
/// the root of the number of operations).
fn assert_close(got: &[f32], want: &[f32], what: &str) {
    assert_eq!(got.len(), want.len(), "{what}");
    let greatest = want.iter().fold(0.0f32, |most, v| most.max(v.abs()));
    let errors = got.iter().zip(want).map(|(a, b)| (a - b).abs());
    let worst = errors.fold(0.0, f32::max) / greatest;
    assert!(worst < 2e-5, "{what}: off by {worst:e} of {greatest}");
    assert!(
        greatest > 0.0 && got.iter().all(|v| v.is_finite()),
        "{what}"
    );
}

fn all(h: usize, w: usize) -> Area {
    Area::of(w as u32, h as u32)
}

#[test]
fn a_block_is_that_of_burn() {
    let model = shipped();
    for (block, [h, w]) in [
        (&model.g_a.fine[1], [5, 61]),
        (&model.g_s.coarse[2], [7, 1]),
    ] {
        let channels = block.reduce.weight.dims()[1];
        let values = noise(3, h * w * channels, 4.0);
        let want = last(block.forward(tensor(&values, [h, w])));
        for isa in Isa::all() {
            let mut x = Grid {
                data: values.clone(),
                h,
                w,
                channels,
                border: 0,
            };
            let region = Region { y: 0..h, x: 0..w };
            Stage::new(
                std::slice::from_ref(block),
                Precision::Single,
                Place::AnalysisFine,
                None,
            )
            .unwrap()
            .run(isa, &mut x, &region);
            assert_close(&x.data, &want, &format!("{isa:?} {channels} channels"));
        }
    }
}

#[test]
fn transforms_are_those_of_burn_on_every_instruction_set() {
    let model = shipped();
    for [h, w] in [[9, 13], [1, 1], [2, 5]] {
        let x = photograph([h, w]);
        let size = [LATENT_STRIDE * h, LATENT_STRIDE * w];
        let y = last(model.g_a.forward(tensor(&x, size)));
        let x_hat = last(model.g_s.forward(tensor(&y, [h, w])));
        let random = noise(h as u64, y.len(), 2.0);
        let of_random = last(model.g_s.forward(tensor(&random, [h, w])));
        for isa in Isa::all() {
            let cpu = CpuNetworks::with(&model, isa, [Precision::Single; 2], None).unwrap();
            let what = format!("{isa:?} {h}×{w}");
            assert_close(&cpu.g_a(&x, h, w, all(h, w)).unwrap(), &y, &what);
            assert_close(&cpu.g_s(y.clone(), h, w, all(h, w)).unwrap(), &x_hat, &what);
            let got = cpu.g_s(random.clone(), h, w, all(h, w)).unwrap();
            assert_close(&got, &of_random, &what);
        }
    }
}

#[test]
fn hyper_analysis_and_gains_are_those_of_burn() {
    let (model, [h, w]) = (shipped(), [8, 12]);
    let y = noise(7, 320 * h * w, 60.0);
    for quality in [1.0, 50.0, 87.5, 100.0f32] {
        let exact = [f64::from(quality)];
        let plane = quality_plane(&exact, &Device::flex());
        let z = model
            .h_a
            .forward(tensor(&y, [h, w]), plane.expand([1, 1, h, w]));
        let weights = level_weights(&exact, &Device::flex());
        for isa in Isa::all() {
            let cpu = CpuNetworks::with(&model, isa, [Precision::Single; 2], None).unwrap();
            let what = format!("{isa:?} quality {quality}");
            assert_close(
                &cpu.h_a(&y, h, w, quality).unwrap(),
                &last(z.clone()),
                &what,
            );
            let gain = last(model.gain.gain(&weights));
            assert_close(&cpu.gain(quality).unwrap(), &gain, &what);
            let inverse = last(model.gain.inverse(&weights));
            assert_close(&cpu.inverse(quality).unwrap(), &inverse, &what);
        }
    }
}

/// The shipped model with its first `quartered` groups in three passes, and the first
/// `anchored` of these in five.
fn in_passes(quartered: Option<usize>, anchored: Option<usize>) -> Standard {
    let mut model = shipped();
    let groups = model.groups.clone().with_quartered(quartered);
    let groups = groups.with_anchored(anchored);
    model.mean = model.mean.with_heads_of(&groups.steps_of(&model.groups));
    model.groups = groups;
    model
}

#[test]
fn means_are_those_of_burn_at_every_step() {
    for (quartered, anchored) in [(None, None), (Some(2), None), (Some(2), Some(1))] {
        check_means(&in_passes(quartered, anchored));
    }
}

fn check_means(model: &Standard) {
    let ([h, w], quality) = ([8, 12], 37.0f32);
    let z: Vec<f32> = noise(5, 64 * h / 4 * w / 4, 12.0);
    let z: Vec<f32> = z.iter().map(|z| z.round()).collect();
    let plane = quality_plane(&[f64::from(quality)], &Device::flex());
    for isa in Isa::all() {
        let cpu = CpuNetworks::with(model, isa, [Precision::Single; 2], None).unwrap();
        let mut means = cpu.means(&z, h, w, quality).unwrap();
        let mut stream = model.mean.start(
            tensor(&z, [h / 4, w / 4]),
            plane.clone().expand([1, 1, h / 4, w / 4]),
        );
        for (i, step) in model.groups.init().steps().iter().enumerate() {
            let what = format!("{isa:?} step {i}");
            let at: Vec<usize> = covered(step.pass, h, w).collect();
            let pick = |x: &[f32]| -> Vec<f32> {
                let at = at.iter();
                at.flat_map(|i| x[i * step.channels..][..step.channels].to_vec())
                    .collect()
            };
            let want = pick(&last(model.mean.head(&stream, i)));
            assert_close(&means.head(i).unwrap(), &want, &what);
            let y = noise(i as u64, step.channels * h * w, 6.0);
            means.update(i, &pick(&y)).unwrap();
            let mask = parity_mask(step.pass, h, w, &Device::flex());
            stream = model
                .mean
                .update(stream, step.group, tensor(&y, [h, w]) * mask);
            assert!(
                step.pass != Pass::Whole || i >= 6,
                "groups of the shipped model"
            );
        }
        assert!(means.head(99).is_err());
        assert!(means.update(0, &[0.0; 3]).is_err());
    }
}

/// Not close: equal, since each number is computed the same way.
#[test]
fn what_is_kept_is_a_part_of_the_whole() {
    let cpu = CpuNetworks::new(&shipped()).unwrap();
    let [h, w] = [17, 16];
    let x = photograph([h, w]);
    let y = cpu.g_a(&x, h, w, all(h, w)).unwrap();
    let x_hat = cpu.g_s(y.clone(), h, w, all(h, w)).unwrap();
    for (y0, x0, kh, kw) in [(0, 0, 17, 16), (7, 5, 3, 2), (0, 9, 1, 7), (16, 0, 1, 1)] {
        let keep = Area {
            x: x0 as u32,
            y: y0 as u32,
            width: kw as u32,
            height: kh as u32,
        };
        let part = |whole: &[f32], scale: usize| -> Vec<f32> {
            let each = whole.len() / (h * w * scale * scale);
            let rows = whole.chunks_exact(w * scale * each);
            let rows = rows.skip(y0 * scale).take(kh * scale);
            rows.flat_map(|row| row[x0 * scale * each..][..kw * scale * each].to_vec())
                .collect()
        };
        // Blocks of rows and tiles are cut elsewhere, but a row's sum is not.
        assert_eq!(cpu.g_a(&x, h, w, keep).unwrap(), part(&y, 1), "{keep:?}");
        assert_eq!(
            cpu.g_s(y.clone(), h, w, keep).unwrap(),
            part(&x_hat, LATENT_STRIDE),
            "{keep:?}"
        );
    }
    let outside = Area {
        y: 10,
        ..Area::of(1, 8)
    };
    assert!(cpu.g_s(y.clone(), h, w, outside).is_err());
    assert!(cpu.g_a(&x[1..], h, w, all(h, w)).is_err());
    assert!(cpu.h_a(&y, h, w, 50.0).is_err(), "17 is no multiple of 4");
}

#[test]
fn results_do_not_depend_on_the_number_of_threads() {
    let cpu = CpuNetworks::new(&shipped()).unwrap();
    let [h, w] = [8, 12];
    let x = photograph([h, w]);
    let with = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
        pool.build().unwrap().install(|| {
            let y = cpu.g_a(&x, h, w, all(h, w)).unwrap();
            let z = cpu.h_a(&y, h, w, 50.0).unwrap();
            let mean = cpu.means(&z, h, w, 50.0).unwrap().head(0).unwrap();
            (cpu.g_s(y.clone(), h, w, all(h, w)).unwrap(), mean)
        })
    };
    assert!(with(1) == with(3));
}

/// Each product of a branch is off by 2^-8 at the most, with random sign, and a
/// branch is small beside the residual stream that it adds to. Measured: 4.1e-4 of the
/// latents and 1.0e-4 of the pixels, root mean square; it grows with what branches learn.
#[test]
fn bf16_is_close_to_single_precision() {
    let (model, [h, w]) = (shipped(), [5, 9]);
    let single = CpuNetworks::with(&model, Isa::best(), [Precision::Single; 2], None).unwrap();
    let x = photograph([h, w]);
    let y = single.g_a(&x, h, w, all(h, w)).unwrap();
    let x_hat = single.g_s(y.clone(), h, w, all(h, w)).unwrap();
    for isa in Isa::all() {
        let bf16 = CpuNetworks::with(&model, isa, [Precision::Bf16; 2], None).unwrap();
        let got = bf16.g_a(&x, h, w, all(h, w)).unwrap();
        let error = relative_rms(&got, &y);
        assert!(error > 0.0 && error < 1e-3, "{isa:?} g_a: {error:e}");
        let got = bf16.g_s(y.clone(), h, w, all(h, w)).unwrap();
        let error = relative_rms(&got, &x_hat);
        assert!(error > 0.0 && error < 3e-4, "{isa:?} g_s: {error:e}");
    }
}

/// Steps that were calibrated with one photograph.
fn steps(model: &Standard) -> Steps {
    let size = [16, 16];
    let pictures = [(photograph(size), size)];
    Steps::calibrate(model, &pictures, &Device::flex()).unwrap()
}

#[test]
fn steps_are_of_their_weights() {
    let (model, row) = (shipped(), &MODELS[0]);
    let weights = &row.weights;
    let steps = steps(&model);
    let file = steps.to_bytes(weights.digest());
    assert_eq!(Steps::of(&model, weights.digest(), &file), Some(steps));
    assert_eq!(file.len(), row.steps.unwrap().len());
    let other = Digest([!file[4], 0, 0, 0]);
    assert_eq!(Steps::of(&model, other, &file), None);
    for cut in [0, 3, 8, file.len() - 4] {
        assert_eq!(Steps::of(&model, weights.digest(), &file[..cut]), None);
    }
    let mut broken = file.clone();
    broken[8..12].copy_from_slice(&f32::NAN.to_le_bytes());
    assert_eq!(Steps::of(&model, weights.digest(), &broken), None);
    let longer = [file, vec![0; 4]].concat();
    assert_eq!(Steps::of(&model, weights.digest(), &longer), None);
}

/// A byte has 127 steps up to the greatest activation of its channel, so each product of
/// a branch is off by about a hundredth of what is usual there; a branch is small beside
/// the residual stream. A simulation of the same photograph, apart from this code, found
/// 3.2e-3 of the latents and 1.4e-3 of the pixels, root mean square, with the weights of
/// prior-4. Branches weigh more with every trunk: 4.8e-3 of the pixels was seen with
/// milestone-5, 8.7e-3 with milestone-6, 1.4e-3 with those that ship, of latents as decoders have
/// them: inverse gains do not undo gains (of the first channels 0.96 to 0.7 is left), and those
/// that `g_a` gives go beyond what `g_s` is calibrated for. Products that are wrong are off by
/// tenths, from which the bound of pixels keeps as far as from what is seen.
#[test]
fn bytes_are_close_to_single_precision() {
    let (model, [h, w]) = (shipped(), [20, 24]);
    let steps = steps(&model);
    let with = |isa, precision| CpuNetworks::with(&model, isa, precision, Some(&steps)).unwrap();
    let single = with(Isa::best(), [Precision::Single; 2]);
    let x = photograph([h, w]);
    let y = single.g_a(&x, h, w, all(h, w)).unwrap();
    let [gain, inverse] = [single.gain(95.0), single.inverse(95.0)].map(Result::unwrap);
    let coded = |y: &[f32]| -> Vec<f32> {
        let of = y.iter().zip(gain.iter().zip(&inverse));
        of.map(|(y, (gain, inverse))| (y * gain).round() * inverse)
            .collect()
    };
    let y_hat: Vec<f32> = y.chunks_exact(gain.len()).flat_map(coded).collect();
    let x_hat = single.g_s(y_hat.clone(), h, w, all(h, w)).unwrap();
    let mut seen: Option<Vec<f32>> = None;
    for isa in Isa::all() {
        let bytes = with(isa, [Precision::Bytes, Precision::Single]);
        let error = relative_rms(&bytes.g_a(&x, h, w, all(h, w)).unwrap(), &y);
        assert!(error > 0.0 && error < 8e-3, "{isa:?} g_a: {error:e}");
        let got = bytes.g_s(y_hat.clone(), h, w, all(h, w)).unwrap();
        let error = relative_rms(&got, &x_hat);
        assert!(error > 0.0 && error < 3e-2, "{isa:?} g_s: {error:e}");
        // Products of bytes are the same everywhere; what is left are sums in `f32`, a
        // few of which fall on the other side of a half.
        let seen = seen.get_or_insert_with(|| got.clone());
        let apart = relative_rms(&got, seen);
        assert!(apart < error / 2.0, "{isa:?}: {apart:e} from the others");
    }
}

fn relative_rms(got: &[f32], want: &[f32]) -> f32 {
    let error: f32 = got.iter().zip(want).map(|(a, b)| (a - b).powi(2)).sum();
    let power: f32 = want.iter().map(|v| v.powi(2)).sum();
    (error / power).sqrt()
}

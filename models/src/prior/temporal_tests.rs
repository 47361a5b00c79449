//! A temporal prior's two halves, each as training has it and as it codes.

use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::{Device, Tensor, TensorData};

use super::{
    GroupsConfig, IntShape, MOTION_PLANES, TemporalConfig, TemporalPrior, covered, freeze_temporal,
    parity_mask, parse_temporal, thaw_temporal,
};
use crate::cpu::CpuFollowing;
use crate::networks::FollowingNetworks;
use crate::reference::ReferenceFollowing;
use crate::standard::Noise;

fn prior() -> (TemporalConfig, TemporalPrior) {
    let config = TemporalConfig {
        trained_with: None,
        groups: GroupsConfig::new(vec![3, 4, 6], 2).with_quartered(Some(1)),
        stream: 9,
        head: 7,
        shape_stream: 12,
        shape_head: 10,
    };
    let prior = config.init(&Device::flex());
    (config, prior.map(&mut Shake(Noise::new(2))))
}

/// As if trained: no weight stays at its start.
struct Shake(Noise);

impl ModuleMapper for Shake {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        param.map(|t| self.0.tensor(t.dims(), &Device::flex()) * 0.7 + t)
    }
}

fn tensor(values: &[i32], shape: [usize; 4]) -> Tensor<4> {
    let values: Vec<f32> = values.iter().map(|&v| v as f32).collect();
    Tensor::from_data(TensorData::new(values, shape), &Device::flex())
}

#[test]
fn float_and_integer_shapes_agree_exactly() {
    let (config, prior) = prior();
    let file = freeze_temporal(&prior.shape);
    let weights = parse_temporal(&file, &config).unwrap();
    let thawed = thaw_temporal(&weights, &Device::flex());
    assert!(freeze_temporal(&thawed) == file);
    for broken in [
        &file[..file.len() - 1],
        &[&file[..], &[0]].concat(),
        b"LICI",
    ] {
        assert!(parse_temporal(broken, &config).is_err());
    }

    let ints = IntShape::new(&weights, &config.groups);
    let (h, w, quality) = (8, 12, 37);
    let depth = 13 + MOTION_PLANES;
    let mut noise = Noise::new(5);
    let known: Vec<u8> = (0..h * w * depth)
        .map(|_| noise.next_u64() as u8 >> (noise.next_u64() % 8))
        .collect();
    let by_planes: Vec<i32> = (0..depth)
        .flat_map(|c| known.iter().skip(c).step_by(depth).map(|&v| v.into()))
        .collect();
    let mut floats = prior
        .shape
        .start(tensor(&by_planes, [1, depth, h, w]), &[f64::from(quality)]);
    let mut stream = ints.start_from(&known, h, w, 2 * quality);
    let mut distinct = std::collections::BTreeSet::new();
    for (i, step) in config.groups.init().steps().iter().enumerate() {
        let positions: Vec<usize> = covered(step.pass, h, w).collect();
        let index: Vec<f32> = prior
            .shape
            .head(&floats, i)
            .into_data()
            .try_to_vec()
            .unwrap();
        let expected: Vec<u16> = index
            .chunks_exact(h * w)
            .flat_map(|plane| positions.iter().map(|&p| plane[p] as u16))
            .collect();
        assert_eq!(ints.indices(&stream, i), expected, "step {i}");
        distinct.extend(expected);
        let everywhere: Vec<i32> = (0..step.channels * h * w)
            .map(|_| (noise.next_u64() % 601) as i32 - 300)
            .collect();
        let r: Vec<i32> = everywhere
            .chunks_exact(h * w)
            .flat_map(|plane| positions.iter().map(|&p| plane[p]))
            .collect();
        ints.update(&mut stream, i, &r);
        let mask = parity_mask(step.pass, h, w, &Device::flex());
        let r = tensor(&everywhere, [1, step.channels, h, w]) * mask;
        floats = floats.update(step.group, r);
    }
    // Networks that always say the same would agree, too.
    assert!(distinct.len() > 20, "only {distinct:?}");
}

/// Sums of up to 9 · 14 products in another order, through four layers: relative to the
/// greatest, rounding makes about 4^½ · 126^½ · 2^-24 = 1e-6; ten times that is asked.
#[test]
fn means_are_those_of_burn() {
    let (config, prior) = prior();
    let (h, w, m) = (6, 10, 13);
    let cpu = CpuFollowing::new(&prior.mean, &config.groups).unwrap();
    let groups = config.groups.clone();
    let burn = ReferenceFollowing::new(prior.mean, groups, Device::flex());
    let noise = |seed: u64, count: usize| -> Vec<f32> {
        let x = Noise::new(seed).tensor([count], &Device::flex()) * 3.0;
        x.into_data().try_to_vec().unwrap()
    };
    let y_ref = noise(1, h * w * m);
    let mut ours = cpu.means(y_ref.clone(), h, w, 40.0).unwrap();
    let mut theirs = burn.means(y_ref, h, w, 40.0).unwrap();
    let steps = config.groups.init().steps().to_vec();
    for (i, step) in steps.iter().enumerate() {
        let (a, b) = (ours.head(i).unwrap(), theirs.head(i).unwrap());
        let count = covered(step.pass, h, w).count() * step.channels;
        assert_eq!((a.len(), b.len()), (count, count), "step {i}");
        let greatest = b.iter().fold(0.0f32, |most, v| most.max(v.abs()));
        let worst = a.iter().zip(&b).map(|(a, b)| (a - b).abs());
        let worst = worst.fold(0.0, f32::max);
        assert!(
            greatest > 0.1 && worst < 1e-5 * greatest,
            "step {i}: {worst}"
        );
        let y_hat = noise(7 + i as u64, count);
        ours.update(i, &y_hat).unwrap();
        theirs.update(i, &y_hat).unwrap();
    }
    assert!(ours.head(steps.len()).is_err());
    assert!(cpu.means(vec![0.0; 3], h, w, 40.0).is_err());
}

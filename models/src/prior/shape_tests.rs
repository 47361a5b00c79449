//! The two sides of the shape networks against each other.

use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::{Device, Tensor, TensorData};
use lic_entropy::Mixtures;
use lic_kernels::Isa;

use super::{
    Factorized, GroupsConfig, IntFileError, IntShape, LEVELS, MixtureConfig, Shape, ShapeConfig,
    covered, freeze, parity_mask, parse,
};
use crate::standard::Noise;

const Z: usize = 5;

fn shape() -> (ShapeConfig, GroupsConfig, Shape) {
    shape_with(None)
}

fn shape_with(mixture: Option<MixtureConfig>) -> (ShapeConfig, GroupsConfig, Shape) {
    let groups = GroupsConfig {
        sizes: vec![3 + usize::from(mixture.is_some()), 4, 6],
        checkered: 2,
        quartered: Some(1),
        anchored: Some(1),
    };
    let config = ShapeConfig {
        z: Z,
        hyper: 6,
        stream: 12,
        head: 10,
        mixture,
    };
    let device = Device::flex();
    let shape = config.init(&groups, &vec![1.0; groups.channels()], &device);
    (config, groups, shape.map(&mut Shake(Noise::new(2))))
}

/// As if trained: no weight stays at its start.
struct Shake(Noise);

impl ModuleMapper for Shake {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        param.map(|t| self.0.tensor(t.dims(), &Device::flex()) * 0.7 + t)
    }
}

fn whole_numbers(noise: &mut Noise, count: usize, spread: i32) -> Vec<i32> {
    let wide = 2 * spread as u64 + 1;
    (0..count)
        .map(|_| (noise.next_u64() % wide) as i32 - spread)
        .collect()
}

fn tensor(values: &[i32], shape: [usize; 4]) -> Tensor<4> {
    let values: Vec<f32> = values.iter().map(|&v| v as f32).collect();
    Tensor::from_data(TensorData::new(values, shape), &Device::flex())
}

/// What training computes in float is what coding computes in integers: equal,
/// not close, and by whatever instructions.
#[test]
fn float_and_integer_networks_agree_exactly() {
    let (config, groups, shape) = shape();
    let file = freeze(&shape, &Factorized::new(Z, &Device::flex()));
    let (weights, tables) = parse(&file, &config, &groups).unwrap();
    assert_eq!(tables.len(), LEVELS * Z);
    let ints: Vec<IntShape> = Isa::all()
        .into_iter()
        .map(|isa| IntShape::new(&weights, &groups).with_isa(isa))
        .collect();
    let (h, w, quality) = (8, 12, 37);

    let mut noise = Noise::new(5);
    let z = whole_numbers(&mut noise, Z * h / 4 * w / 4, 40);
    let mut floats = shape.start(tensor(&z, [1, Z, h / 4, w / 4]), &[f64::from(quality)]);
    let mut known: Vec<_> = ints
        .iter()
        .map(|ints| ints.start(&z, h, w, 2 * quality))
        .collect();
    let mut distinct = std::collections::BTreeSet::new();
    for (i, step) in groups.init().steps().iter().enumerate() {
        let positions: Vec<usize> = covered(step.pass, h, w).collect();
        let index: Vec<f32> = shape.head(&floats, i).into_data().try_to_vec().unwrap();
        let expected: Vec<u16> = index
            .chunks_exact(h * w)
            .flat_map(|plane| positions.iter().map(|&p| plane[p] as u16))
            .collect();
        for ((ints, known), isa) in ints.iter().zip(&known).zip(Isa::all()) {
            assert_eq!(ints.indices(known, i), expected, "{isa:?} step {i}");
        }
        distinct.extend(expected);

        let everywhere = whole_numbers(&mut noise, step.channels * h * w, 300);
        let r: Vec<i32> = everywhere
            .chunks_exact(h * w)
            .flat_map(|plane| positions.iter().map(|&p| plane[p]))
            .collect();
        for (ints, known) in ints.iter().zip(&mut known) {
            ints.update(known, i, &r);
        }
        let mask = parity_mask(step.pass, h, w, &Device::flex());
        floats = floats.update(
            step.group,
            tensor(&everywhere, [1, step.channels, h, w]) * mask,
        );
    }
    // Networks that always say the same would agree, too.
    assert!(distinct.len() > 20, "only {distinct:?}");
}

/// Training that goes on from shipped weights starts where they are.
#[test]
fn thawed_networks_freeze_to_the_same_integers() {
    let (config, groups, shape) = shape();
    let factorized = Factorized::new(Z, &Device::flex());
    let file = freeze(&shape, &factorized);
    let (weights, _) = parse(&file, &config, &groups).unwrap();
    let thawed = super::thaw(&weights, &Device::flex());
    let (again, _) = parse(&freeze(&thawed, &factorized), &config, &groups).unwrap();
    let ints = IntShape::new(&again, &groups);
    let before = IntShape::new(&weights, &groups);
    // Rounding can allow a greater exponent than the weights had before it; the
    // networks are the same.
    let z = whole_numbers(&mut Noise::new(9), Z * 6, 40);
    let (old, new) = (before.start(&z, 8, 12, 37), ints.start(&z, 8, 12, 37));
    assert_eq!(ints.indices(&new, 0), before.indices(&old, 0));
}

#[test]
fn a_sum_that_could_overflow_is_refused() {
    let (config, groups, shape) = shape();
    let mut file = freeze(&shape, &Factorized::new(Z, &Device::flex()));
    // The bias of the first output of up_32 follows its weights.
    let at = 4 + (Z + 1) * 4 * config.hyper;
    file[at..at + 4].copy_from_slice(&(1i32 << 24).to_le_bytes());
    let error = parse(&file, &config, &groups).unwrap_err();
    assert!(
        matches!(error, IntFileError::Overflow { channel: 0, .. }),
        "{error}"
    );
}

#[test]
fn a_cut_or_padded_file_is_refused() {
    let (config, groups, shape) = shape();
    let file = freeze(&shape, &Factorized::new(Z, &Device::flex()));
    for length in (0..file.len()).step_by(97) {
        assert!(
            parse(&file[..length], &config, &groups).is_err(),
            "{length} bytes"
        );
    }
    let longer = [&file[..], &[0]].concat();
    assert!(parse(&longer, &config, &groups).is_err());
}

/// Scales and parameters of mixtures, too; and the bits that training counts are those
/// that are coded.
#[test]
fn mixtures_of_float_and_integer_networks_agree() {
    for mixture in [
        MixtureConfig::new(3, false, 0),
        MixtureConfig::new(2, true, 0),
    ] {
        let (config, groups, shape) = shape_with(Some(mixture.clone()));
        let file = freeze(&shape, &Factorized::new(Z, &Device::flex()));
        let (weights, _) = parse(&file, &config, &groups).unwrap();
        let (h, w, quality) = (8, 12, 37);
        let mut noise = Noise::new(6);
        let z = whole_numbers(&mut noise, Z * h / 4 * w / 4, 40);
        let z_hat = tensor(&z, [1, Z, h / 4, w / 4]);
        let mut floats = shape.start(z_hat, &[f64::from(quality)]);
        let ints = Isa::all().into_iter();
        let ints: Vec<_> = ints
            .map(|isa| IntShape::new(&weights, &groups).with_isa(isa))
            .collect();
        let mut known: Vec<_> = ints
            .iter()
            .map(|ints| ints.start(&z, h, w, 2 * quality))
            .collect();
        let mut likely = 0;
        for (i, step) in groups.init().steps().iter().enumerate() {
            let positions: Vec<usize> = covered(step.pass, h, w).collect();
            let by_position = |t: Tensor<4>| -> Vec<f32> {
                let planes: Vec<f32> = t.into_data().try_to_vec().unwrap();
                let each = |&p: &usize| planes.iter().skip(p).step_by(h * w).copied();
                positions.iter().flat_map(each).collect()
            };
            let bytes = |values: Vec<f32>| -> Vec<u8> { values.iter().map(|&v| v as u8).collect() };
            let hidden = shape.heads[i].hidden(&floats);
            let scales = bytes(by_position(shape.head(&floats, i)));
            let parameters = bytes(by_position(shape.parameters(hidden, i).unwrap()));
            let found = ints.iter().zip(&known);
            let found = found.map(|(ints, known)| ints.mixtures(known, i, false).unwrap().unwrap());
            let found: Vec<Mixtures> = found.collect();
            for mixtures in &found {
                assert_eq!(mixtures.scales(), scales, "step {i}");
                assert_eq!(mixtures.parameters(), parameters, "step {i}");
            }

            let everywhere = whole_numbers(&mut noise, step.channels * h * w, 2);
            let r = tensor(&everywhere, [1, step.channels, h, w]);
            let mask = parity_mask(step.pass, h, w, &Device::flex());
            let counted = by_position(shape.bits(&floats, i, r.clone()));
            let symbols = by_position(r.clone());
            let symbols: Vec<i32> = symbols.iter().map(|&v| v as i32).collect();
            likely += likely_bits_agree(&mixture, &found[0], &symbols, &counted);

            let planes: Vec<i32> = everywhere
                .chunks_exact(h * w)
                .flat_map(|plane| positions.iter().map(|&p| plane[p]))
                .collect();
            // In every second step, values are between whole numbers.
            let doubled: Vec<i32> = planes.iter().map(|v| 2 * v + i as i32 % 2).collect();
            for (ints, known) in ints.iter().zip(&mut known) {
                match i % 2 {
                    0 => ints.update(known, i, &planes),
                    _ => ints.update_doubled(known, i, &doubled),
                }
            }
            let r = r + 0.5 * (i % 2) as f64;
            floats = floats.update(step.group, r * mask);
        }
        // Of some hundreds: weights are random, and so are most symbols unlikely.
        assert!(likely > 20, "only {likely}");
    }
}

/// What training counts of each symbol or pair against what coding it takes; how many
/// could be compared.
///
/// Of those that take no more than ten bits: of rarer ones training says otherwise that
/// no slot is empty and what an escape costs, so that it has a gradient there. What is
/// left is the mass of one that every slot has (one 64th of the rarest), and scales in
/// eighths of an index, 0.7 % off, which three standard deviations away are 0.1 bits for
/// each of two roundings.
fn likely_bits_agree(
    config: &MixtureConfig,
    mixtures: &Mixtures,
    symbols: &[i32],
    counted: &[f32],
) -> usize {
    let (width, outputs) = (config.width(), config.outputs(config.width()));
    let units = mixtures.scales().chunks(width);
    let units = units.zip(mixtures.parameters().chunks(outputs));
    let mut likely = 0;
    for ((unit, symbols), &counted) in units.zip(symbols.chunks(width)).zip(counted) {
        let (scales, parameters) = (unit.0.to_vec(), unit.1.to_vec());
        let components = config.components;
        let alone = Mixtures::new(components, config.paired, 0, scales, parameters).unwrap();
        let coded = alone.total_bits(symbols).unwrap();
        if coded <= 10.0 {
            let off = f64::from(counted) - coded;
            assert!(off.abs() < 0.25, "{symbols:?}: {counted} bits for {coded}");
            likely += 1;
        }
    }
    likely
}

/// What starts from plain Gaussians says the same scales, and costs hardly more.
#[test]
fn widened_networks_start_as_they_were() {
    let (config, groups, shape) = shape();
    let groups = GroupsConfig {
        sizes: vec![4, 4, 6],
        ..groups
    };
    let config = ShapeConfig {
        mixture: Some(MixtureConfig::new(2, true, 3)),
        ..config
    };
    drop(shape);
    let plain = ShapeConfig {
        mixture: None,
        ..config.clone()
    };
    let plain = plain.init(&groups, &[1.0; 14], &Device::flex());
    let wide = config.with_mixtures(plain.clone(), &groups, &Device::flex());
    let mut noise = Noise::new(7);
    let z = tensor(&whole_numbers(&mut noise, Z * 6, 40), [1, Z, 2, 3]);
    let before = plain.start(z.clone(), &[50.0]);
    let after = wide.start(z, &[50.0]);
    let step = groups.init().steps()[0];
    let v = tensor(
        &whole_numbers(&mut noise, step.channels * 96, 9),
        [1, step.channels, 8, 12],
    );
    let sum = |t: Tensor<4>| f64::from(t.sum().into_scalar::<f32>());
    let plain = sum(plain.bits(&before, 0, v.clone()));
    let wide = sum(wide.bits(&after, 0, v));
    assert!((wide / plain - 1.0).abs() < 0.05, "{wide} after {plain}");
}

#[test]
fn wrong_mixtures_are_refused() {
    let (config, groups, shape) = shape();
    let file = freeze(&shape, &Factorized::new(Z, &Device::flex()));
    let refused = |mixture| {
        let config = ShapeConfig {
            mixture: Some(mixture),
            ..config.clone()
        };
        parse(&file, &config, &groups).unwrap_err().to_string()
    };
    assert!(refused(MixtureConfig::new(5, false, 0)).contains("5 components"));
    assert!(refused(MixtureConfig::new(2, false, 65)).contains("plain_below is 65"));
    assert!(refused(MixtureConfig::new(2, true, 0)).contains("3 channels"));
}

//! The two sides of the shape networks against each other.

use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::{Device, Tensor, TensorData};
use lic_kernels::Isa;

use super::{
    Factorized, GroupsConfig, IntFileError, IntShape, LEVELS, Shape, ShapeConfig, covered, freeze,
    parity_mask, parse,
};
use crate::standard::Noise;

const Z: usize = 5;

fn shape() -> (ShapeConfig, GroupsConfig, Shape) {
    let groups = GroupsConfig {
        sizes: vec![3, 4, 6],
        checkered: 2,
    };
    let config = ShapeConfig {
        z: Z,
        hyper: 6,
        stream: 12,
        head: 10,
        mixture: None,
    };
    let device = Device::flex();
    let shape = config.init(&groups, &[1.0; 13], &device);
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
    let thawed = super::thaw(&weights, &config, &Device::flex());
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

use super::magnitude::{MAGNITUDE, magnitude_of_halves};
use super::*;

#[test]
fn magnitude_is_the_logarithm() {
    for r in 0..300 {
        let exact = (32.0 * f64::from(1 + r).log2()).round().min(255.0);
        assert_eq!(f64::from(magnitude(r)), exact, "|r| = {r}");
        assert_eq!(magnitude(-r), magnitude(r));
    }
    assert_eq!(magnitude(i32::MIN), 255);
    for doubled in 0..600 {
        let exact = 32.0 * (1.0 + f64::from(doubled) / 2.0).log2();
        let exact = exact.round().min(255.0);
        assert_eq!(f64::from(magnitude_of_halves(doubled)), exact);
        assert_eq!(magnitude_of_halves(-doubled), magnitude_of_halves(doubled));
    }
    assert_eq!(magnitude_of_halves(i32::MIN), 255);
}

#[test]
fn the_specification_lists_the_same_magnitudes() {
    let spec = include_str!("../../../../codec/BITSTREAM.md");
    let (_, after) = spec
        .split_once("where m(0), m(½), m(1), m(1½), … are\n\n```text\n")
        .unwrap();
    let (list, _) = after.split_once("```").unwrap();
    let listed: Vec<u8> = list.split(',').map(|n| n.trim().parse().unwrap()).collect();
    assert_eq!(listed, MAGNITUDE);
}

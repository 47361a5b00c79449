use super::magnitude::MAGNITUDE;
use super::*;

#[test]
fn magnitude_is_the_logarithm() {
    for r in 0..300 {
        let exact = (32.0 * f64::from(1 + r).log2()).round().min(255.0);
        assert_eq!(f64::from(magnitude(r)), exact, "|r| = {r}");
        assert_eq!(magnitude(-r), magnitude(r));
    }
    assert_eq!(magnitude(i32::MIN), 255);
}

#[test]
fn the_specification_lists_the_same_magnitudes() {
    let spec = include_str!("../../../../codec/BITSTREAM.md");
    let (_, after) = spec
        .split_once("where m(0), m(1), … are\n\n```text\n")
        .unwrap();
    let (list, _) = after.split_once("```").unwrap();
    let listed: Vec<u8> = list.split(',').map(|n| n.trim().parse().unwrap()).collect();
    assert_eq!(listed, MAGNITUDE);
}

use super::*;

fn refused(min: i32, freqs: Vec<u32>) -> TableError {
    Tables::new(vec![TableSpec { min, freqs }]).unwrap_err()
}

#[test]
fn wrong_tables_are_refused() {
    use TableError::*;
    assert!(matches!(
        refused(0, vec![65_536]),
        SlotCount { found: 1, .. }
    ));
    assert!(matches!(refused(0, vec![1; 65_537]), SlotCount { .. }));
    assert!(matches!(
        refused(0, vec![65_536, 0]),
        ZeroMass { slot: 1, .. }
    ));
    assert!(matches!(
        refused(0, vec![65_535, 2]),
        WrongTotal { found: 65_537, .. }
    ));
    let halves = vec![32_768, 32_767, 1];
    assert!(matches!(
        refused(i32::MAX, halves),
        SymbolRange { symbols: 2, .. }
    ));
    let spec = TableSpec {
        min: 0,
        freqs: vec![65_535, 1],
    };
    let many = Tables::new(vec![spec; MAX_TABLES + 1]);
    assert!(matches!(many, Err(TooManyTables { .. })));
}

#[test]
fn every_quantile_finds_its_slot() {
    let specs = [
        TableSpec::from_weights(-3, &[1, 1000, 0, 0, 70_000, 5, 1]),
        TableSpec::from_weights(0, &[0; 300]),
        TableSpec::from_weights(0, &[1, 0]),
        TableSpec::from_weights(9, &(0..40_000).collect::<Vec<u32>>()),
    ];
    let tables = Tables::new(specs.to_vec()).unwrap();
    for (index, spec) in specs.iter().enumerate() {
        let table = tables.table(index as u16).unwrap();
        let slots = spec.freqs.iter().enumerate();
        let mut expected = slots.flat_map(|(slot, mass)| (0..*mass).map(move |_| slot));
        for quantile in 0..=u16::MAX {
            let slot = table.find(quantile);
            assert_eq!(Some(slot), expected.next());
            // The same by the short cut.
            let Interval { start, mass } = table.interval(slot);
            assert_eq!(table.quantile_function(quantile), (slot, start, mass));
        }
    }
}

#[test]
fn bits_are_the_logarithms_of_masses() {
    let tables = Tables::new(vec![TableSpec {
        min: 10,
        freqs: vec![32_768, 16_384, 16_384],
    }])
    .unwrap();
    assert_eq!(tables.symbols(0), Some(10..=11));
    assert_eq!(tables.bits(0, 10), Some(1.0));
    assert_eq!(tables.bits(0, 11), Some(2.0));
    // Escape slot 2, sign 1, distance 1: one bit.
    assert_eq!(tables.bits(0, 12), Some(4.0));
    // Distance 9 has four significant bits: 3 ones, a zero, 3 bits.
    assert_eq!(tables.bits(0, 1), Some(10.0));
    assert_eq!(tables.bits(1, 10), None);
    let symbols = [10, 11, 12, 1].repeat(40);
    let total = tables.total_bits(&[0; 160], &symbols).unwrap();
    assert!((total - 40.0 * 17.0).abs() < 1e-9);
}

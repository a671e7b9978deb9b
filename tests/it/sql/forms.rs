//! Facts about SQLite that the forms rest on. Where one falls, so does a form.

use rusqlite::Connection;

/// A sequence of numbers that look random (SplitMix64).
fn numbers(mut state: u64) -> impl Iterator<Item = u64> {
    std::iter::repeat_with(move || {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    })
}

#[test]
fn floats_in_json_are_read_as_the_nearest() {
    let connection = Connection::open_in_memory().unwrap();
    let mut floats: Vec<f64> = numbers(1).take(200_000).map(f64::from_bits).filter(|float| float.is_finite()).collect();
    floats.extend(
        numbers(2).take(100_000).map(|bits| (bits % 1_000_000_007) as f64 / 10_f64.powi((bits >> 40) as i32 % 12)),
    );
    floats.extend([f64::MAX, f64::MIN_POSITIVE, 5e-324, 2.225_073_858_507_201e-308, 9_007_199_254_740_993.0, 1e23]);
    let mut read = 0;
    for floats in floats.chunks(10_000) {
        let json = serde_json::to_string(floats).unwrap();
        for blob in ["?", "jsonb(?)"] {
            let sql = format!("SELECT value FROM json_each({blob})");
            let mut statement = connection.prepare(&sql).unwrap();
            let rows = statement.query_map([&json], |row| row.get::<_, f64>(0)).unwrap();
            for (written, row) in floats.iter().zip(rows) {
                assert_eq!(row.unwrap(), *written);
                read += 1;
            }
        }
    }
    assert_eq!(read, 2 * floats.len());
    assert!(read > 500_000);
}

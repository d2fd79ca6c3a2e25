//! Each kernel sees in each byte what it is.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::*;

/// The masks by their definition, byte by byte.
fn masks(input: &[u8], prints: &Prints) -> Masks {
    let mask = |is: &dyn Fn(usize) -> bool| (0..BLOCK).fold(0, |mask, at| mask | u64::from(is(at)) << at);
    let one_of = |bytes: &[u8]| mask(&|at| bytes.contains(&input[at]));
    Masks {
        quote: one_of(b"\""),
        backslash: one_of(b"\\"),
        open: one_of(b"{["),
        close: one_of(b"}]"),
        colon: one_of(b":"),
        comma: one_of(b","),
        space: one_of(b" \n\r\t"),
        control: mask(&|at| input[at] < b' '),
        digit: mask(&|at| input[at].is_ascii_digit()),
        zero: one_of(b"0"),
        high: mask(&|at| input[at] >= 0x7f),
        base32: mask(&|at| (b'2'..=b'Z').contains(&input[at])),
        alarm: mask(&|at| input[at] == b'@' || input[at..].starts_with(b"eyJ")),
        name: mask(&|at| input[at + 1..at + 4].is_ascii() && prints.may_begin(&input[at + 1..at + 4])),
    }
}

fn byte() -> impl Strategy<Value = u8> {
    prop_oneof![4 => select(&b"\"\"\"\\{}[],,::  \n\r\t0123456789eyJ@jwt-AZ\x1f\x7f\x80\xc3\xa9\xff"[..]), 1 => any::<u8>()]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn each_kernel_makes_the_rows_that_the_definition_makes(input in vec(byte(), 67..2000)) {
        let mut prints = Prints::default();
        for name in ["jwt", "ab", "", "z", "name_tag"] {
            prints.add(name);
        }
        let blocks = (input.len() - AHEAD) / BLOCK;
        let mut state = State::default();
        let want: Vec<Row> = (0..blocks).map(|block| state.step(&masks(&input[block * BLOCK..], &prints))).collect();
        for kernel in Kernel::all().filter(|kernel| kernel.leaps()) {
            let (mut state, mut rows) = (State::default(), Vec::new());
            kernel.scan(&input, &prints, &mut state, &mut rows);
            prop_assert_eq!(&rows, &want, "{:?}", kernel);
        }
    }
}

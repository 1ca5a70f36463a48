use super::*;
use proptest::prelude::*;

/// Everything that comes of these bytes, handed over in parts of `size`.
fn read(bytes: &[u8], size: usize) -> Vec<Next> {
    let mut reader = Reader::from(0, 1);
    let mut found = Vec::new();
    let mut parts = bytes.chunks(size.max(1));
    loop {
        match reader.read() {
            Next::More => match parts.next() {
                Some(part) => reader.feed(part),
                None if reader.ended => return found,
                None => reader.end(),
            },
            next => found.push(next),
        }
    }
}

fn texts(next: &Next) -> Vec<&str> {
    match next {
        Next::Record(record) => record.fields.iter().map(|field| field.text.as_str()).collect(),
        other => panic!("{other:?}"),
    }
}

fn fault(next: &Next) -> (u64, u64, &str) {
    match next {
        Next::Fault(fault) => (fault.place.line, fault.place.column, fault.why.as_str()),
        other => panic!("{other:?}"),
    }
}

const ROW: &str = "U,2026-11-23 10:15:00.123456,";

#[test]
fn a_text_in_quotes_keeps_its_commas_line_breaks_and_quotes() {
    let found = read("\u{feff}a,b\r\n\"x, \"\"y\"\"\r\nz\",\n\n\"\",ü\n".as_bytes(), 3);
    assert_eq!(texts(&found[0]), ["a", "b"]);
    assert_eq!(texts(&found[1]), ["x, \"y\"\r\nz", ""]);
    assert_eq!(texts(&found[2]), ["", "ü"]);
    assert_eq!(found.len(), 3);
}

#[test]
fn each_record_and_field_knows_its_line_and_column() {
    let found = read("a,b\n\"1\n2\n3\",ü,x\nnext,y\n".as_bytes(), 1000);
    let places = |next: &Next| match next {
        Next::Record(record) => {
            (record.line, record.fields.iter().map(|f| (f.place.line, f.place.column)).collect::<Vec<_>>())
        }
        other => panic!("{other:?}"),
    };
    assert_eq!(places(&found[1]), (2, vec![(2, 1), (4, 4), (4, 6)]));
    assert_eq!(places(&found[2]), (5, vec![(5, 1), (5, 6)]));
}

#[test]
fn no_value_and_the_word_for_it_are_told_apart() {
    let found = read(b"NULL,\"NULL\"\n", 4);
    let Next::Record(record) = &found[0] else { panic!("{found:?}") };
    assert_eq!((record.fields[0].quoted, record.fields[1].quoted), (false, true));
    assert_eq!(texts(&found[0]), ["NULL", "NULL"]);
}

#[test]
fn a_wrong_quote_is_reported_where_it_is_and_the_rest_goes_on() {
    let good = format!("{ROW}good\n");
    let file = format!("h\n{ROW}\"two\nlines \"of\" it, \n and more\"\n{good}{ROW}a\"b\n{good}");
    for size in [1, 7, 10_000] {
        let found = read(file.as_bytes(), size);
        let rule = "after the closing quote there must be a comma or the end of the line; \
                    the record begins on line 2, and nothing up to line 3 was read";
        assert_eq!(fault(&found[1]), (3, 8, rule));
        assert_eq!(texts(&found[2])[2], "good");
        assert_eq!(fault(&found[3]).0, 6);
        assert_eq!(texts(&found[4])[2], "good");
        assert_eq!(found.len(), 5);
        let lines: Vec<u64> =
            found.iter().filter_map(|n| if let Next::Record(record) = n { Some(record.line) } else { None }).collect();
        assert_eq!(lines, [1, 5, 7]);
    }
}

#[test]
fn rows_that_a_missing_quote_joined_are_reported_and_not_guessed_at() {
    let file = format!("h\n{ROW}\"no end\n{ROW}joined,too\n{ROW}a \"text\"\n{ROW}good\n");
    let found = read(file.as_bytes(), 9);
    let (line, _, why) = fault(&found[1]);
    assert_eq!(line, 4);
    assert!(why.ends_with("the record begins on line 2, and nothing up to line 4 was read"), "{why}");
    assert_eq!((texts(&found[2])[2], found.len()), ("good", 3));
}

#[test]
fn a_text_inside_a_line_is_not_taken_for_a_row() {
    let found = read(format!("h\n\"a\"{ROW}forged,x\n{ROW}good\n").as_bytes(), 5);
    assert_eq!(found.len(), 3);
    assert_eq!(texts(&found[2])[2], "good");
}

#[test]
fn what_is_no_text_is_reported_where_it_is_and_the_next_record_is_read() {
    let found = read(b"a,b\n\xc3\xbcx,\"\xc3\xbc\xff\"\nc,d\n", 2);
    assert_eq!(fault(&found[1]), (2, 6, "must be UTF-8 text"));
    assert_eq!(texts(&found[2]), ["c", "d"]);
}

#[test]
fn a_file_that_was_torn_is_reported_and_its_last_record_is_not_used() {
    for torn in ["a,b\n1,2", "a,b\n1,", "a,b\n1,\"2", "a,b\n1,\"2\"", "a,b\n1"] {
        let found = read(torn.as_bytes(), 3);
        assert_eq!(found.len(), 2, "{torn:?}");
        let (line, column, why) = fault(&found[1]);
        assert_eq!((line, column), (2, 1), "{torn:?}");
        assert!(why.contains("uploaded again"), "{torn:?}");
    }
}

#[test]
fn a_record_without_an_end_is_given_up_and_the_next_one_is_read() {
    let mut file = format!("h\n{ROW}\"").into_bytes();
    file.resize(10 << 20, b'x');
    file.extend_from_slice(format!("\n{ROW}good\n").as_bytes());
    let found = read(&file, 1 << 20);
    assert_eq!(fault(&found[1]), (2, 1, "a record has at most 8 MiB"));
    assert_eq!(texts(&found[2])[2], "good");
}

#[test]
fn a_reader_goes_on_where_another_one_stopped() {
    let file = "a,b\n\"1\n\",2\n3,4\n";
    let mut first = Reader::from(0, 1);
    first.feed(file.as_bytes());
    first.read();
    first.read();
    let (offset, line) = first.place();
    assert_eq!((offset, line, first.fed_to()), (11, 4, 15));
    let mut second = Reader::from(offset, line);
    second.feed(&file.as_bytes()[11..]);
    assert_eq!(second.read(), first.read());
}

proptest! {
    #[test]
    fn what_the_csv_crate_writes_is_read_as_it_was_written(
        records in prop::collection::vec(prop::collection::vec("[a-c,\"\r\n ü]{0,8}", 2..5), 0..6),
        always in any::<bool>(),
        crlf in any::<bool>(),
        size in 1usize..40,
    ) {
        let mut writer = ::csv::WriterBuilder::new()
            .flexible(true)
            .quote_style(if always { ::csv::QuoteStyle::Always } else { ::csv::QuoteStyle::Necessary })
            .terminator(if crlf { ::csv::Terminator::CRLF } else { ::csv::Terminator::Any(b'\n') })
            .from_writer(Vec::new());
        for record in &records {
            writer.write_record(record).unwrap();
        }
        let found = read(&writer.into_inner().unwrap(), size);
        prop_assert_eq!(found.iter().map(texts).collect::<Vec<_>>(), records);
    }

    #[test]
    fn any_bytes_in_any_parts_are_read_alike_and_never_panic(
        bytes in prop::collection::vec(prop::sample::select(b"IU,\"\"\r\n\xc3\xbc 0-:.2".to_vec()), 0..200),
        size in 1usize..50,
    ) {
        prop_assert_eq!(read(&bytes, size), read(&bytes, 1000));
    }

    #[test]
    fn random_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300), size in 1usize..50) {
        read(&bytes, size);
    }

    #[test]
    fn a_damaged_record_costs_itself_alone(at in 0usize..60, byte in prop::sample::select(b"\"\n,x\xff".to_vec())) {
        let row = format!("{ROW}a,\"text, with \"\"quotes\"\"\nand lines\",end\n");
        let mut middle = row.clone().into_bytes();
        let at = at.min(middle.len() - 1);
        middle[at] = byte;
        let file = [b"h\n".as_slice(), row.as_bytes(), &middle, row.as_bytes()].concat();
        let found = read(&file, 1000);
        let whole = |next: &Next| matches!(next, Next::Record(record) if record.fields.len() == 5);
        prop_assert!(whole(&found[1]));
        // A last line break that was lost joins the record with the next one.
        prop_assert!(whole(found.last().unwrap()) || middle.last() != Some(&b'\n'), "{found:?}");
    }
}

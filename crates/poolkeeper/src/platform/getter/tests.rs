use super::*;

const CODE: usize = 0x1000;
const DATA: usize = 0x2000;
const THREAD: usize = 0x3000;

/// Runs code in a made-up process, whose variables are words from `DATA` on and whose
/// thread's variables are words from `THREAD` on.
fn run_with(code: &[u8], data: &[u64], thread: &[u64]) -> Option<Answer> {
    let mut bytes = vec![0; 0x3000];
    bytes[..code.len()].copy_from_slice(code);
    for (start, words) in [(DATA, data), (THREAD, thread)] {
        for (index, word) in words.iter().enumerate() {
            let at = start - CODE + 8 * index;
            bytes[at..at + 8].copy_from_slice(&word.to_le_bytes());
        }
    }
    run(&Pages::made_up(CODE, bytes), CODE, Some(THREAD))
}

fn returned(code: &[u8], data: &[u64]) -> Option<u64> {
    run_with(code, data, &[])?.returned
}

/// Bytes in hexadecimal, as a disassembler writes them.
fn hex(text: &str) -> Vec<u8> {
    let words = text.split_whitespace();
    words
        .map(|word| u8::from_str_radix(word, 16).unwrap())
        .collect()
}

#[test]
fn a_constant_is_returned() {
    // OpenBLAS's openblas_get_parallel: mov $2, %eax; ret.
    assert_eq!(returned(&hex("b8 02 00 00 00 c3"), &[]), Some(2));
    assert_eq!(returned(&hex("f3 0f 1e fa 31 c0 c3"), &[]), Some(0));
}

#[test]
fn a_variable_is_returned() {
    // libvips's vips_concurrency_get: mov 0xffa(%rip), %eax; ret.
    let code = hex("8b 05 fa 0f 00 00 c3");
    assert_eq!(returned(&code, &[0xaaaa_aaaa_0000_0007]), Some(7));
}

#[test]
fn a_number_is_stored_through_the_argument() {
    // LightGBM's LGBM_GetMaxThreads: mov GOT(%rip), %rax; mov (%rax), %edx;
    // xor %eax, %eax; mov %edx, (%rdi); ret.
    let code = hex("48 8b 05 f9 0f 00 00 8b 10 31 c0 89 17 c3");
    let answer = run_with(&code, &[DATA as u64 + 16, 0, 0xffff_ffff], &[]).unwrap();
    assert_eq!(answer.stored.map(u32::cast_signed), Some(-1));
    assert_eq!(answer.returned, Some(0));
}

#[test]
fn a_threads_own_number_counts_where_it_has_one() {
    // libgomp's omp_get_max_threads, GCC 12: the thread's task at a place in its own
    // variables, and the process's where it has none.
    let code = hex(
        "f3 0f 1e fa 48 8b 05 f5 0f 00 00 64 48 8b 50 58 48 85 d2 48 8d 82 98 00 00 00 \
         48 8d 15 e7 0f 00 00 48 0f 44 c2 8b 00 c3",
    );
    // The offset in the thread's variables (before them, as a rule), and at
    // 0x2008 the process's number.
    let data = [0, 5];
    let task = THREAD as u64 + 0x80 - 0x98;
    let mut own = [0; 32];
    (own[0x58 / 8], own[0x80 / 8]) = (task, 9);
    assert_eq!(run_with(&code, &data, &own).unwrap().returned, Some(9));
    own[0x58 / 8] = 0;
    assert_eq!(run_with(&code, &data, &own).unwrap().returned, Some(5));
}

#[test]
fn a_path_that_is_not_understood_is_unknown() {
    // OpenBLAS's openblas_get_num_threads: cmpl $0, workers; je further; mov
    // limit, %eax; ret; further: an instruction of another kind.
    let code = hex("83 3d f9 0f 00 00 00 74 07 8b 05 f5 0f 00 00 c3 cc");
    let words = |workers: u64, limit: u64| [workers, limit];
    assert_eq!(returned(&code, &words(0, 3)), None);
    let [workers, limit] = words(4, 3);
    assert_eq!(returned(&code, &[workers | limit << 32]), Some(3));
}

#[test]
fn a_call_is_passed_over_and_what_it_returns_is_unknown() {
    // sub $8, %rsp; call; mov GOT(%rip), %rax; mov (%rax), %eax; add $8, %rsp; ret.
    let code = hex("48 83 ec 08 e8 00 00 00 00 48 8b 05 f0 0f 00 00 8b 00 48 83 c4 08 c3");
    assert_eq!(returned(&code, &[DATA as u64 + 8, 6]), Some(6));
    assert_eq!(returned(&hex("e8 00 00 00 00 c3"), &[]), None);
    // push %rbx; call; mov %eax, %ebx; mov %ebx, %eax; pop %rbx; ret.
    assert_eq!(
        returned(&hex("53 e8 00 00 00 00 89 c3 89 d8 5b c3"), &[]),
        None
    );
}

#[test]
fn what_writes_to_memory_is_no_getter() {
    // movl $3, variable(%rip); ret, and mov %eax, variable(%rip).
    for code in ["c7 05 f6 0f 00 00 03 00 00 00 c3", "89 05 fa 0f 00 00 c3"] {
        assert_eq!(run_with(&hex(code), &[1], &[]), None);
    }
}

#[test]
fn conditions_are_those_of_signed_numbers() {
    // mov variable, %eax; cmp $-3, %eax; jcc over; mov $1, %eax; ret; mov $2, %eax; ret.
    let taken = |condition: u8, value: i32| {
        let mut code = hex("8b 05 fa 0f 00 00 83 f8 fd 70 06 b8 01 00 00 00 c3 b8 02 00 00 00 c3");
        code[9] |= condition;
        returned(&code, &[u64::from(value.cast_unsigned())]).map(|answer| answer == 2)
    };
    for value in [-4, -3, -2, 0, i32::MAX, i32::MIN] {
        assert_eq!(taken(0x4, value), Some(value == -3));
        assert_eq!(taken(0x5, value), Some(value != -3));
        assert_eq!(taken(0xc, value), Some(value < -3));
        assert_eq!(taken(0xd, value), Some(value >= -3));
        assert_eq!(taken(0xe, value), Some(value <= -3));
        assert_eq!(taken(0xf, value), Some(value > -3));
        assert_eq!(taken(0x2, value), None);
    }
}

#[test]
fn a_loop_and_an_end_of_memory_end() {
    assert_eq!(returned(&hex("eb fe"), &[]), None);
    let pages = Pages::made_up(CODE, hex("90 90"));
    assert_eq!(run(&pages, CODE, None), None);
    assert_eq!(run(&pages, 7, None), None);
}

use std::{env, fs, mem::MaybeUninit, path::Path};

use serde_json::Value;

// Nanoseconds that this process has kept processors busy.
fn processor_time() -> u64 {
    let mut usage = MaybeUninit::<libc::rusage>::uninit();
    let usage = unsafe {
        libc::getrusage(libc::RUSAGE_SELF, usage.as_mut_ptr());
        usage.assume_init()
    };
    let nanos = |t: libc::timeval| t.tv_sec as u64 * 1_000_000_000 + t.tv_usec as u64 * 1_000;
    nanos(usage.ru_utime) + nanos(usage.ru_stime)
}

fn measure<T>(items: &[T], slice: u64, valid: impl Fn(&T) -> bool) -> f64 {
    assert!(items.iter().all(&valid), "refused");
    let (begin, mut n) = (processor_time(), 0);
    loop {
        for item in items {
            std::hint::black_box(valid(std::hint::black_box(item)));
        }
        n += items.len();
        let spent = processor_time() - begin;
        if spent >= slice {
            return spent as f64 / n as f64;
        }
    }
}

fn main() {
    let args: Vec<String> = env::args().collect();
    let (folder, slice) = (Path::new(&args[1]), args[2].parse::<u64>().unwrap() * 1_000_000);
    let mut lines = Vec::new();
    for kind in ["small", "variant", "order", "large"] {
        let schema: Value = serde_json::from_slice(&fs::read(format!("../bench/{kind}.json")).unwrap()).unwrap();
        let validator = jsonschema::options().should_validate_formats(true).build(&schema).unwrap();
        let text = fs::read(folder.join(format!("{kind}.jsonl"))).unwrap();
        let raw: Vec<&[u8]> = text.split(|c| *c == b'\n').filter(|line| !line.is_empty()).collect();
        let parsed: Vec<Value> = raw.iter().map(|event| serde_json::from_slice(event).unwrap()).collect();
        let whole = measure(&raw, slice, |event| {
            serde_json::from_slice::<Value>(event).is_ok_and(|value| validator.is_valid(&value))
        });
        let judged = measure(&parsed, slice, |value| validator.is_valid(value));
        lines.push(format!("\"{kind}\":[{whole},{judged}]"));
    }
    println!("{{{}}}", lines.join(","));
}

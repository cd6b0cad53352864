//! Signing a body of 1 KiB with one key and, as during a rotation, with two.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use domain::{DeliveryId, SigningSecret, sign};

fn signing(criterion: &mut Criterion) {
    let body = vec![b'x'; 1024];
    let keys = [SigningSecret::generate().key(), SigningSecret::generate().key()];
    let id = DeliveryId::from_bytes([7; 16]).to_string();
    let mut group = criterion.benchmark_group("signing/1 KiB");
    group.throughput(Throughput::Bytes(body.len() as u64));
    group.bench_function("one key", |bencher| {
        bencher.iter(|| sign(black_box(&keys[..1]), &id, 1_767_225_600, black_box(&body)));
    });
    group.bench_function("two keys", |bencher| {
        bencher.iter(|| sign(black_box(&keys), &id, 1_767_225_600, black_box(&body)));
    });
    group.finish();
}

criterion_group!(benches, signing);
criterion_main!(benches);

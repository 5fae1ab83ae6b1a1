//! The program: everything is in the library.

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() {
    let a: Vec<String> = std::env::args().collect();
    viaduct::app::quick::run(&a[1], &a[2], &a[3], &a[4], &a[5]).await;
}

//! Tests of the first policy set and of the engine, over one small world.

mod failures;
mod matrix;
mod mutation;
mod oracle;
mod speed;
mod tables;
mod world;

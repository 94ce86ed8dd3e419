//! The room as its users meet it: through HTTP, on real sockets.

mod backup;
mod bodies;
mod client;
mod conditions;
mod coverage;
mod digests;
mod doctor;
mod failing;
mod front;
mod hidden;
mod listing;
mod notices;
mod once;
mod origins;
mod pages;
mod pages_of_the_manual;
mod quota;
mod ranges;
mod reference;
mod register;
mod requests;
mod sessions;
mod strict;
mod support;
mod suspending;
mod witnesses;

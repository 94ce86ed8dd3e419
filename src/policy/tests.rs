use super::*;

#[test]
fn the_first_policy_set_loads() {
    let engine = Engine::embedded();
    assert_eq!(engine.set_hash(), source::Source::embedded().hash());
}

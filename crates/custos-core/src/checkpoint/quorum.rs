//! Which witnesses together are enough (C2SP tlog-policy, groups and quorum).

/// A witness or a group, by its number in order of definition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Member {
    Witness(usize),
    Group(usize),
}

/// At least `threshold` of the members.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Group {
    pub(super) threshold: usize,
    // INVARIANT: groups among them are defined before this one, so there is no circle.
    pub(super) members: Vec<Member>,
}

/// The rule over all witnesses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Quorum {
    pub(super) groups: Vec<Group>,
    /// `None` asks for no witness at all.
    pub(super) rule: Option<Member>,
}

impl Quorum {
    /// Whether the witnesses that cosigned, by number, are enough.
    pub(super) fn is_met(&self, cosigned: &[bool]) -> bool {
        let mut met: Vec<bool> = Vec::with_capacity(self.groups.len());
        for group in &self.groups {
            let count = group
                .members
                .iter()
                .filter(|member| holds(**member, cosigned, &met))
                .count();
            met.push(count >= group.threshold);
        }
        self.rule.is_none_or(|rule| holds(rule, cosigned, &met))
    }
}

fn holds(member: Member, cosigned: &[bool], groups: &[bool]) -> bool {
    match member {
        Member::Witness(number) => cosigned.get(number) == Some(&true),
        Member::Group(number) => groups.get(number) == Some(&true),
    }
}

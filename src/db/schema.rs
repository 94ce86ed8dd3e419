//! The tables, as `migrations/` makes them.

#![allow(missing_docs)]

diesel::table! {
    log_head (id) {
        id -> Integer,
        origin -> Text,
        room_id -> Binary,
        size -> BigInt,
        root -> Binary,
        edge -> Binary,
        time -> BigInt,
        published -> BigInt,
    }
}

diesel::table! {
    entries (idx) {
        idx -> BigInt,
        id -> Binary,
        leaf -> Binary,
        scope_id -> Nullable<Binary>,
        scope_nth -> Nullable<BigInt>,
        item_nth -> Nullable<BigInt>,
        subject_id -> Nullable<Binary>,
        subject_nth -> Nullable<BigInt>,
        writes_rows -> Bool,
        link -> Nullable<Binary>,
        body -> Nullable<Binary>,
    }
}

diesel::table! {
    checkpoints (size) {
        size -> BigInt,
        note -> Binary,
        time -> BigInt,
    }
}

diesel::table! {
    scopes (id) {
        id -> Binary,
        kind -> Text,
        case_id -> Nullable<Binary>,
    }
}

diesel::table! {
    wrapped_keys (id) {
        id -> Binary,
        parent_id -> Binary,
        purpose -> Text,
        scope_id -> Binary,
        owner_id -> Binary,
        wrapped -> Binary,
    }
}

diesel::table! {
    people (id) {
        id -> Binary,
        rev -> BigInt,
        salt -> Binary,
        entry -> Binary,
        status -> Text,
        details -> Binary,
    }
}

diesel::table! {
    accounts (id) {
        id -> Binary,
        rev -> BigInt,
        salt -> Binary,
        entry -> Binary,
        person_id -> Binary,
        login_index -> Binary,
        status -> Text,
        details -> Binary,
    }
}

diesel::table! {
    credentials (id) {
        id -> Binary,
        rev -> BigInt,
        salt -> Binary,
        entry -> Binary,
        account_id -> Binary,
        kind -> Text,
        status -> Text,
        details -> Binary,
    }
}

diesel::table! {
    tokens (id) {
        id -> Binary,
        rev -> BigInt,
        salt -> Binary,
        entry -> Binary,
        account_id -> Binary,
        secret_hash -> Binary,
        rights -> Text,
        expires_at -> BigInt,
        status -> Text,
        details -> Binary,
    }
}

diesel::table! {
    cases (id) {
        id -> Binary,
        rev -> BigInt,
        salt -> Binary,
        entry -> Binary,
        scope_id -> Binary,
        court_scope_id -> Binary,
        stage -> Text,
        details -> Binary,
    }
}

diesel::table! {
    parties (id) {
        id -> Binary,
        rev -> BigInt,
        salt -> Binary,
        entry -> Binary,
        case_id -> Binary,
        side -> Text,
        details -> Binary,
    }
}

diesel::table! {
    roles (id) {
        id -> Binary,
        rev -> BigInt,
        salt -> Binary,
        entry -> Binary,
        person_id -> Binary,
        case_id -> Nullable<Binary>,
        party_id -> Nullable<Binary>,
        role -> Text,
        status -> Text,
    }
}

diesel::table! {
    items (id) {
        id -> Binary,
        rev -> BigInt,
        salt -> Binary,
        entry -> Binary,
        case_id -> Binary,
        scope_id -> Binary,
        nth -> BigInt,
        object_id -> Binary,
        details -> Binary,
        reference_index -> Nullable<Binary>,
    }
}

diesel::table! {
    objects (id) {
        id -> Binary,
        item_id -> Binary,
        scope_id -> Binary,
        heads -> Binary,
    }
}

diesel::table! {
    states (id) {
        id -> Binary,
        rev -> BigInt,
        salt -> Binary,
        entry -> Binary,
        state -> Text,
    }
}

diesel::table! {
    servings (id) {
        id -> Binary,
        rev -> BigInt,
        salt -> Binary,
        entry -> Binary,
        case_id -> Binary,
        item_id -> Binary,
        party_id -> Binary,
        status -> Text,
    }
}

diesel::table! {
    policies (id) {
        id -> Binary,
        rev -> BigInt,
        salt -> Binary,
        entry -> Binary,
        set_hash -> Binary,
        status -> Text,
        details -> Binary,
    }
}

diesel::table! {
    sessions (id) {
        id -> Binary,
        account_id -> Binary,
        secret_hash -> Binary,
        means -> Text,
        created_at -> BigInt,
        seen_at -> BigInt,
        ended_at -> Nullable<BigInt>,
        mac -> Binary,
    }
}

diesel::table! {
    enrolments (id) {
        id -> Binary,
        account_id -> Binary,
        purpose -> Text,
        secret_hash -> Binary,
        expires_at -> BigInt,
        used_at -> Nullable<BigInt>,
        mac -> Binary,
    }
}

diesel::table! {
    uploads (id) {
        id -> Binary,
        case_id -> Binary,
        person_id -> Binary,
        created_at -> BigInt,
        item_id -> Nullable<Binary>,
        details -> Binary,
        mac -> Binary,
    }
}

diesel::table! {
    views (id) {
        id -> Binary,
        item_id -> Binary,
        case_id -> Binary,
        scope_id -> Binary,
        person_id -> Binary,
        holder_id -> Binary,
        download -> Bool,
        opened_at -> BigInt,
        expires_at -> BigInt,
        closed_at -> Nullable<BigInt>,
        mac -> Binary,
    }
}

diesel::table! {
    filings (id) {
        id -> Binary,
        rev -> BigInt,
        salt -> Binary,
        entry -> Binary,
        case_id -> Binary,
        item_id -> Nullable<Binary>,
        kind -> Text,
        status -> Text,
        filed_at -> BigInt,
        details -> Binary,
    }
}

diesel::table! {
    walls (id) {
        id -> Binary,
        rev -> BigInt,
        salt -> Binary,
        entry -> Binary,
        person_id -> Binary,
        case_id -> Binary,
        status -> Text,
    }
}

diesel::table! {
    requests (id) {
        id -> Binary,
        rev -> BigInt,
        salt -> Binary,
        entry -> Binary,
        scope_id -> Binary,
        case_id -> Nullable<Binary>,
        asked_for -> Text,
        asked_hash -> Binary,
        asker_id -> Binary,
        approver_id -> Nullable<Binary>,
        status -> Text,
        asked_at -> BigInt,
        expires_at -> BigInt,
        details -> Binary,
    }
}

diesel::table! {
    replies (id) {
        id -> Binary,
        account_id -> Binary,
        request -> Binary,
        created_at -> BigInt,
        answer -> Binary,
        mac -> Binary,
    }
}

diesel::table! {
    notices (id) {
        id -> Binary,
        account_id -> Nullable<Binary>,
        endpoint -> Nullable<Text>,
        kind -> Text,
        about_id -> Binary,
        address_id -> Nullable<Binary>,
        created_at -> BigInt,
        read_at -> Nullable<BigInt>,
        state -> Text,
        attempts -> BigInt,
        next_at -> Nullable<BigInt>,
        told -> Nullable<Text>,
        mac -> Binary,
    }
}

diesel::table! {
    addresses (id) {
        id -> Binary,
        rev -> BigInt,
        salt -> Binary,
        entry -> Binary,
        account_id -> Binary,
        status -> Text,
        details -> Binary,
    }
}

diesel::table! {
    audits (id) {
        id -> Binary,
        rev -> BigInt,
        salt -> Binary,
        entry -> Binary,
        nth -> BigInt,
        began_at -> BigInt,
        ended_at -> BigInt,
        findings -> BigInt,
        details -> Binary,
    }
}

diesel::table! {
    cosignatures (size, vkey) {
        size -> BigInt,
        vkey -> Text,
        line -> Text,
        time -> BigInt,
    }
}

diesel::table! {
    timestamps (size) {
        size -> BigInt,
        authority -> Text,
        time -> BigInt,
        kept_at -> BigInt,
        ends -> BigInt,
        leaf -> BigInt,
        token -> Binary,
    }
}

diesel::table! {
    conflicts (id) {
        id -> Binary,
        found_at -> BigInt,
        kind -> Text,
        source -> Text,
        size -> BigInt,
        ours -> Binary,
        theirs -> Nullable<Binary>,
        proof -> Text,
    }
}

diesel::table! {
    leases (name) {
        name -> Text,
        holder -> Binary,
        epoch -> BigInt,
        until -> BigInt,
    }
}

diesel::allow_tables_to_appear_in_same_query!(
    log_head,
    entries,
    checkpoints,
    scopes,
    wrapped_keys,
    people,
    accounts,
    credentials,
    tokens,
    cases,
    parties,
    roles,
    items,
    objects,
    states,
    servings,
    policies,
    sessions,
    enrolments,
    uploads,
    views,
    filings,
    walls,
    requests,
    replies,
    notices,
    addresses,
    audits,
    cosignatures,
    timestamps,
    conflicts,
    leases
);

//! Every route of the room's origin, in one place.

use rocket::{Route, routes};

use super::{api, web};

/// Pages, below `/`.
pub fn web_routes() -> Vec<Route> {
    routes![
        api::sessions::health,
        web::sessions::start,
        web::sessions::sign_in_form,
        web::sessions::sign_in,
        web::sessions::enter_form,
        web::sessions::enter,
        web::sessions::enrol,
        web::sessions::sign_out,
        web::sessions::sign_out_everywhere,
        web::sessions::password_form,
        web::sessions::set_password,
        web::sessions::problem,
        web::cases::list,
        web::cases::open,
        web::cases::read,
        web::cases::add_party,
        web::cases::add_person,
        web::evidence::deposit_form,
        web::evidence::deposit,
        web::evidence::read,
        web::evidence::open_view,
        web::evidence::show_view,
        web::evidence::close_view,
        web::evidence::restrict,
        web::evidence::lift_restriction,
        web::custody::history,
        web::custody::receipt,
        web::custody::bundle,
        web::disclosures::serve_form,
        web::disclosures::serve,
        web::people::list,
        web::people::create,
        web::people::enrol,
        web::people::set_person_status,
        web::people::set_account_status,
        web::people::tokens,
        web::people::issue_token,
        web::people::revoke_token,
    ]
}

/// JSON, below `/api/v1`.
pub fn api_routes() -> Vec<Route> {
    routes![
        api::sessions::me,
        api::cases::list,
        api::cases::open,
        api::cases::read,
        api::cases::add_party,
        api::cases::add_person,
        api::evidence::announce,
        api::evidence::upload,
        api::evidence::receive,
        api::evidence::read,
        api::evidence::open_view,
        api::evidence::read_view,
        api::evidence::close_view,
        api::evidence::restrict,
        api::evidence::lift_restriction,
        api::custody::history,
        api::custody::receipt,
        api::custody::bundle,
        api::disclosures::serve,
        api::people::list,
        api::people::create,
        api::people::enrol,
        api::people::set_person_status,
        api::people::set_account_status,
        api::people::tokens,
        api::people::issue_token,
        api::people::revoke_token,
    ]
}

#!/usr/bin/env python3
"""Makes the files of the demo case, src/demo/files, and their hashes in case.json.

    src/demo/make_files.py            makes everything anew

Needs, besides Python 3.11: Debian's espeak-ng (1.51), ffmpeg (5.1, with libopus and libvpx)
and fonts-dejavu-core; from PyPI numpy 2.4, pillow 13 and reportlab 5.1. Every picture is drawn
and every voice is synthesised here; nothing was recorded, photographed or copied. Dates and
random numbers are fixed, so that the same versions of these tools give the same bytes; others
may give other bytes, which is why the outputs are committed and their hashes are written last.
"""

import hashlib
import json
import pathlib
import subprocess
import tempfile
import wave
from email.message import EmailMessage
from email.policy import SMTP

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont
from reportlab.lib.pagesizes import A4
from reportlab.pdfgen.canvas import Canvas

HERE = pathlib.Path(__file__).parent
FILES = HERE / "files"
FONTS = pathlib.Path("/usr/share/fonts/truetype/dejavu")

# --- text ------------------------------------------------------------------------------------

TRANSCRIPT = """\
RECORD OF INTERVIEW (EXTRACT)
Operation LANTERN                                         Exhibit JS/1

Interviewee:   Witness K-7 (pseudonym; order PM/2026/031)
Interviewer:   DS J. Sarrow, Merrowshire Constabulary
Interpreter:   Romanian, register no. 5521
Present:       N. Ellery, survivor's advocate
Date:          9 April 2026, 10:14 (UTC+01:00)
Recording:     JS/2

[10:14:02] DS SARROW: You can stop at any time. Do you understand that?
[10:14:09] K-7: Da, înțeleg.
[10:14:10] INTERPRETER: Yes, I understand.

[10:15:31] DS SARROW: What were you told about the work?
[10:15:40] K-7: Mi-au spus că o să lucrez la un hotel, la curățenie.
[10:15:44] INTERPRETER: They told me I would work in a hotel, as a cleaner.
[10:15:58] K-7: Pașaportul mi l-a luat el, în prima seară.
[10:16:02] INTERPRETER: He took my passport, on the first evening.
[10:16:09] DS SARROW: Who is "he"?
[10:16:15] K-7: Îi spuneau domnul Calder.
[10:16:18] INTERPRETER: They called him Mr Calder.

[10:19:47] DS SARROW: Could you leave the house?
[10:19:53] K-7: Nu aveam voie să ieșim singure.
[10:19:57] INTERPRETER: We were not allowed to go out alone.
[10:20:20] K-7: The other girl was from another country. She said to me every night,
           "mos fol me askënd".
[10:20:31] INTERPRETER: That is Albanian: "do not speak with anyone".
[10:21:06] K-7: Somebody had written on the wall, by the door. I copied it.
[10:21:15] (The witness hands over a note. It reads:)

الباب مغلق من الخارج

[10:21:33] (Translation, Arabic: "The door is locked from the outside.")

[10:22:50] DS SARROW: How many rooms were there?
[10:22:57] K-7: Four upstairs. The bins were collected on Tuesdays; I counted five.
[10:23:08] DS SARROW: Thank you. We will stop here.
[10:23:11] (Interview ends.)

I have read this extract with the interpreter and it is a true record.
Signed: K-7        Witnessed: N. Ellery
"""

CHAT = """\
[14/03/2026, 20:58:11] \u200eMessages and calls are end-to-end encrypted.
[14/03/2026, 20:58:11] C V: Is 14 ready
[14/03/2026, 21:02:40] Roz: two rooms done. key is with me
[14/03/2026, 21:03:02] C V: Van comes quarter to ten. Back door only, no lights
[14/03/2026, 21:03:55] Roz: the neighbour asks again who they are
[14/03/2026, 21:04:30] C V: Cleaners. Same as last time
[14/03/2026, 21:05:12] Roz: \u200eimage omitted
[14/03/2026, 21:41:48] Roz: here now
[14/03/2026, 21:42:20] C V: Papers to me tonight, all of them
[14/03/2026, 21:44:09] Roz: one does not want to give hers
[14/03/2026, 21:44:31] C V: Then wait till she does 🤐
[14/03/2026, 21:59:03] Roz: ok. done
[15/03/2026, 08:12:27] C V: \u200eThis message was deleted.
[15/03/2026, 08:13:00] Roz: dy dhoma janë gati, të tjerat nesër
"""

ROOMS = """\
\ufeffcameră;sosire;persoane;datorie £;observații
1;14.03.2026;2;3.400,00;"acte la C.V."
2;14.03.2026;1;2.900,00;"acte la C.V.; nu iese"
3;21.03.2026;2;3.400,00;
4;—;0;0,00;"غرفة فارغة"
"""

MAIL_TEXT = """\
Roz,

rooms list for March is attached. The four at number 14 stay on the cleaning
invoice as before. Rent is to come out of what they earn, so nothing goes to
their accounts until the balance is cleared.

Keep the lease in your name. I will pay you back in cash on Fridays.

C.
"""


def make_texts():
    (FILES / "transcript.txt").write_text(TRANSCRIPT, encoding="utf-8", newline="\n")
    (FILES / "chat.txt").write_text(CHAT, encoding="utf-8", newline="\r\n")
    (FILES / "rooms.csv").write_text(ROOMS, encoding="utf-8", newline="\r\n")


def make_mail():
    """A message as a server exports it, with one attachment."""
    mail = EmailMessage(policy=SMTP)
    mail["Received"] = (
        "from desk.quaymark.example (desk.quaymark.example [192.0.2.44])"
        " by mx.tallowlane.example (Postfix) with ESMTPS id 4KzT1q0Lm9z"
        " for <roz@tallowlane.example>; Mon, 2 Mar 2026 17:06:12 +0000 (GMT)"
    )
    mail["From"] = "C. Voss <cv@quaymark.example>"
    mail["To"] = "Roz <roz@tallowlane.example>"
    mail["Subject"] = "rooms for March – please print, don't forward"
    mail["Date"] = "Mon, 02 Mar 2026 17:06:09 +0000"
    mail["Message-ID"] = "<20260302170609.7E41A@desk.quaymark.example>"
    mail["X-Mailer"] = "Aldane Mail 4.2"
    mail.set_content(MAIL_TEXT, cte="quoted-printable")
    mail.add_attachment(
        ROOMS.encode(), maintype="text", subtype="csv", filename="rooms-march.csv"
    )
    mail.set_boundary("=-quaymark-20260302-7E41A")
    (FILES / "mail.eml").write_bytes(mail.as_bytes())


LEASE = [
    [
        ("Helvetica-Bold", 15, "TENANCY AGREEMENT"),
        ("Helvetica", 10, "Ref. QL/14TL/2025-11          Port Aldane, 3 November 2025"),
        None,
        ("Helvetica-Bold", 11, "1. Parties"),
        ("Helvetica", 10, "Landlord:  Quaymark Lettings (Aldane) Limited, 2 Harbour Row, Port Aldane"),
        ("Helvetica", 10, "Tenant:     Rosalind Thake, 31 Cooper Street, Port Aldane"),
        None,
        ("Helvetica-Bold", 11, "2. Premises"),
        ("Helvetica", 10, "The dwelling house known as 14 Tallow Lane, Port Aldane, with four upper rooms,"),
        ("Helvetica", 10, "yard and rear entrance from Chandlers Passage."),
        None,
        ("Helvetica-Bold", 11, "3. Term and rent"),
        ("Helvetica", 10, "Twelve months from 10 November 2025. Rent £1,850.00 a month, payable in advance"),
        ("Helvetica", 10, "to account 00318842, sort code 00-00-00, Bank of Merrow."),
        ("Helvetica", 10, "Deposit £3,700.00, received in cash on 3 November 2025."),
        None,
        ("Helvetica-Bold", 11, "4. Use"),
        ("Helvetica", 10, "Private residence of the Tenant and not more than one other person."),
        ("Helvetica", 10, "Locks may be changed only with the Landlord's written consent."),
    ],
    [
        ("Helvetica-Bold", 11, "5. Keys"),
        ("Helvetica", 10, "Front door 2, rear door 1, upper rooms 4 (fitted on the outside, see schedule)."),
        None,
        ("Helvetica-Bold", 11, "Schedule of payments received"),
        ("Courier", 9, "date         from                       reference        amount"),
        ("Courier", 9, "2025-11-10   R. Thake                   QL/14TL        1,850.00"),
        ("Courier", 9, "2025-12-10   Voss Site Services         QL/14TL        1,850.00"),
        ("Courier", 9, "2026-01-12   Voss Site Services         QL/14TL        1,850.00"),
        ("Courier", 9, "2026-02-10   cash, R. Thake             QL/14TL        1,850.00"),
        ("Courier", 9, "2026-03-10   Voss Site Services         QL/14TL        2,450.00"),
        None,
        ("Helvetica", 10, "Signed for the Landlord:  P. Ambry          Signed by the Tenant:  R. Thake"),
    ],
]


def make_lease():
    """A lease of two pages with a text layer. `invariant` keeps dates and ids out of it."""
    canvas = Canvas(str(FILES / "lease.pdf"), pagesize=A4, invariant=1, lang="en-GB")
    canvas.setTitle("Tenancy agreement, 14 Tallow Lane")
    canvas.setAuthor("Quaymark Lettings (Aldane) Limited")
    canvas.setCreator("LetDesk 3")
    for number, page in enumerate(LEASE, 1):
        y = 780
        for line in page:
            if line:
                font, size, text = line
                canvas.setFont(font, size)
                canvas.drawString(60, y, text)
            y -= 18
        canvas.setFont("Helvetica", 8)
        canvas.drawString(60, 40, f"QL/14TL/2025-11   page {number} of {len(LEASE)}")
        canvas.showPage()
    canvas.save()


# --- sound -----------------------------------------------------------------------------------

RATE = 22_050
SPOKEN = [
    ("en-gb", 165, 40, "Exhibit J S two. Ten fourteen. Witness K seven, with an interpreter."),
    ("en-gb", 165, 40, "What were you told about the work?"),
    ("ro+f2", 155, 55, "Mi-au spus că o să lucrez la un hotel, la curățenie."),
    ("en+f4", 175, 50, "They told me I would work in a hotel, as a cleaner."),
    ("ro+f2", 155, 55, "Pașaportul mi l-a luat el, în prima seară."),
    ("en+f4", 175, 50, "He took my passport, on the first evening."),
    ("en-gb", 165, 40, "Who is he?"),
    ("ro+f2", 140, 55, "Îi spuneau domnul Calder."),
    ("en+f4", 175, 50, "They called him Mister Calder."),
]


def say(voice, speed, pitch, text):
    """Speech of espeak-ng as 16-bit samples at `RATE`."""
    command = ["espeak-ng", "-v", voice, "-s", str(speed), "-p", str(pitch), "--stdout", text]
    out = subprocess.run(command, check=True, capture_output=True).stdout
    # Written to a pipe, the header does not know its length; the samples follow 44 bytes.
    return np.frombuffer(out[44 : 44 + (len(out) - 44) // 2 * 2], dtype="<i2")


VOICEMAIL = [
    ("en-gb", 150, 50, "You have one new message. Sunday, first of March, twenty three oh eight."),
    ("en+m3", 160, 30, "It's me. Two more come on the Tuesday coach. Have the back room ready."),
    ("en+m3", 160, 30, "They each owe eleven hundred, and the passports stay with me."),
    ("en-gb", 150, 50, "End of message."),
]


def make_interview():
    """An interview in a small room: synthesised voices, pauses, the hiss of a recorder."""
    record(SPOKEN, 0.6, 60, "interview.ogg")


def make_voicemail():
    """A message on a seized telephone: quieter, with the noise of a line."""
    record(VOICEMAIL, 0.4, 220, "voicemail.ogg")


def record(lines, loudness, noise, name):
    """Synthesised voices with pauses and noise, as Ogg Opus."""
    pause = np.zeros(int(0.4 * RATE), dtype="<i2")
    parts = [part for line in lines for part in (say(*line), pause)]
    voices = np.concatenate([pause, *parts]).astype(np.float64) * loudness
    hiss = np.random.default_rng(2).normal(0, noise, voices.size)
    samples = np.clip(voices + hiss, -32_768, 32_767).astype("<i2")
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "sound.wav"
        with wave.open(str(path), "wb") as out:
            out.setnchannels(1)
            out.setsampwidth(2)
            out.setframerate(RATE)
            out.writeframes(samples.tobytes())
        options = ["-c:a", "libopus", "-b:a", "24k", "-application", "voip"]
        encode(["-i", str(path)], options, FILES / name)
    print(f"{name}: {samples.size / RATE:.1f} s")


def encode(source, options, target, feed=None):
    """Runs ffmpeg without anything in the output that changes from run to run."""
    exact = ["-map_metadata", "-1", "-fflags", "+bitexact", "-flags:v", "+bitexact"]
    exact += ["-flags:a", "+bitexact", "-threads", "1"]
    command = ["ffmpeg", "-v", "error", "-y", *source, *options, *exact, str(target)]
    subprocess.run(command, check=True, input=feed)


# --- pictures --------------------------------------------------------------------------------


def font(size, mono=False):
    name = "DejaVuSansMono.ttf" if mono else "DejaVuSans-Bold.ttf"
    return ImageFont.truetype(str(FONTS / name), size)


def light(shape, x, y, reach):
    """Brightness of a lamp at (x, y) that falls off with the distance, 0 to 1."""
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    return 1 / (1 + ((columns - x) ** 2 + (rows - y) ** 2) / reach**2)


def smooth_noise(rng, shape, cell):
    """Slow changes of brightness: random cells of `cell` pixels, interpolated."""
    small = rng.normal(0, 1, (shape[0] // cell + 2, shape[1] // cell + 2))
    image = Image.fromarray(small).resize((shape[1], shape[0]), Image.Resampling.BICUBIC)
    return np.asarray(image)


def draw_door(size):
    """A brick house front with a door, number 14, as flat colours."""
    width, height = size
    rng = np.random.default_rng(14)
    image = Image.new("RGB", size, (92, 84, 78))
    draw = ImageDraw.Draw(image)
    for row, y in enumerate(range(0, 860, 26)):
        for x in range(-80 + (row % 2) * 38, width, 76):
            shade = rng.normal(0, 9)
            colour = tuple(int(c + shade + rng.normal(0, 3)) for c in (124, 66, 50))
            draw.rectangle((x, y, x + 71, y + 21), fill=colour)
    draw.rectangle((540, 150, 880, 870), fill=(150, 146, 136))  # the frame
    draw.rectangle((560, 170, 860, 240), fill=(212, 176, 96))  # lit glass above the door
    draw.line((710, 170, 710, 240), fill=(150, 146, 136), width=10)
    draw.rectangle((560, 254, 860, 860), fill=(34, 58, 52))
    for left, top, right, bottom in [
        (592, 290, 694, 500), (726, 290, 828, 500), (592, 590, 694, 820), (726, 590, 828, 820)
    ]:
        draw.rectangle((left - 5, top - 5, right + 5, bottom + 5), fill=(22, 40, 36))
        draw.rectangle((left, top, right, bottom), fill=(40, 68, 61))
    draw.rectangle((640, 535, 780, 553), fill=(168, 140, 70))  # letter box
    draw.ellipse((810, 548, 838, 576), fill=(176, 148, 78))
    draw.rectangle((836, 600, 866, 640), fill=(120, 122, 124))  # a hasp, on the outside
    draw.text((686, 266), "14", font=font(22), fill=(196, 178, 120))
    draw.rectangle((120, 250, 400, 620), fill=(176, 170, 158))  # window with a drawn curtain
    draw.rectangle((138, 268, 382, 600), fill=(70, 62, 58))
    for x in range(138, 382, 22):
        draw.rectangle((x, 268, x + 11, 600), fill=(96, 82, 72))
    draw.rectangle((100, 620, 420, 646), fill=(138, 132, 122))
    draw.rectangle((520, 862, 900, 900), fill=(128, 124, 118))  # step
    draw.rectangle((0, 900, width, height), fill=(74, 74, 76))
    for x in range(-200, width + 200, 170):
        draw.line((x, 900, x + (x - 700) // 3, height), fill=(54, 54, 56), width=4)
    draw.line((0, 965, width, 965), fill=(54, 54, 56), width=4)
    draw.rounded_rectangle((960, 640, 1130, 905), 14, fill=(38, 40, 44))  # bin
    draw.rectangle((950, 620, 1140, 652), fill=(48, 50, 55))
    return image


def make_photograph():
    """The door at night under a street lamp: uneven light, blur, tilt, grain, EXIF."""
    flat = draw_door((1400, 1050)).rotate(1.4, Image.Resampling.BICUBIC, expand=False)
    flat = flat.crop((40, 30, 1360, 1020)).filter(ImageFilter.GaussianBlur(1.1))
    pixels = np.asarray(flat).astype(np.float64)
    shape, rng = pixels.shape[:2], np.random.default_rng(41)
    dirt = 1 + 0.05 * smooth_noise(rng, shape, 60) + 0.04 * smooth_noise(rng, shape, 9)
    lamp = 0.22 + 1.0 * light(shape, 980, 120, 520) + 0.35 * light(shape, 670, 180, 170)
    pixels *= (lamp * dirt)[..., None] * np.array([1.08, 0.97, 0.80])
    grain = rng.normal(0, 5.5, pixels.shape) + rng.normal(0, 3.5, shape)[..., None]
    pixels = np.clip(255 * (pixels / 255) ** 0.92 + grain, 0, 255).astype(np.uint8)
    image = Image.fromarray(pixels).filter(ImageFilter.GaussianBlur(0.4))
    image.save(FILES / "door.jpg", quality=80, exif=camera_data())


def camera_data():
    """EXIF with an invented camera and a position in the open sea, where nobody lives."""
    exif = Image.Exif()
    exif[0x010F], exif[0x0110], exif[0x0131] = "Lumevo", "L2 Field", "L2 firmware 1.8"
    exif[0x0132] = "2026:03:15 05:12:21"
    detail = exif.get_ifd(0x8769)
    detail[0x9003] = detail[0x9004] = "2026:03:15 05:12:21"
    detail[0x9010] = detail[0x9011] = "+00:00"
    detail[0x829A], detail[0x829D], detail[0x8827] = (1, 15), (18, 10), 3200
    detail[0x920A], detail[0xA431] = (43, 10), "LF2-0093417"
    gps = exif.get_ifd(0x8825)
    gps[1], gps[2], gps[3], gps[4] = "N", (54.0, 24.0, 6.12), "E", (2.0, 31.0, 40.8)
    gps[29], gps[7] = "2026:03:15", (5.0, 12.0, 19.0)
    return exif


FRAME = (640, 360)
FRAMES_PER_SECOND = 12
SECONDS = 7


def draw_street():
    """What the camera always sees: house fronts, pavement, road, one lamp."""
    image = Image.new("RGB", FRAME, (30, 32, 36))
    draw = ImageDraw.Draw(image)
    draw.polygon([(0, 0), (640, 0), (640, 150), (0, 190)], fill=(74, 66, 62))
    for x, top in [(40, 60), (150, 55), (430, 45), (540, 40)]:
        draw.rectangle((x, top, x + 56, top + 62), fill=(28, 30, 36))
    draw.rectangle((290, 70, 346, 172), fill=(38, 44, 44))  # the door
    draw.rectangle((290, 58, 346, 68), fill=(190, 168, 110))
    draw.polygon([(0, 190), (640, 150), (640, 205), (0, 250)], fill=(92, 92, 94))
    draw.polygon([(0, 250), (640, 205), (640, 360), (0, 360)], fill=(52, 53, 56))
    draw.line((0, 250, 640, 205), fill=(128, 128, 126), width=3)
    draw.line((520, 30, 520, 190), fill=(20, 22, 24), width=5)
    return image


def draw_van(draw, x):
    """A van whose nose is at x, driving to the left."""
    draw.polygon([(x, 262), (x + 34, 206), (x + 190, 196), (x + 196, 290), (x + 4, 300)],
                 fill=(150, 152, 150))
    draw.polygon([(x + 14, 250), (x + 40, 212), (x + 70, 210), (x + 70, 250)], fill=(26, 30, 36))
    for wheel in (x + 26, x + 142):
        draw.ellipse((wheel, 274, wheel + 32, 306), fill=(14, 14, 15))
    draw.rectangle((x + 186, 230, x + 194, 246), fill=(170, 30, 24))
    draw.ellipse((x, 264, x + 10, 276), fill=(250, 244, 214))


def draw_person(draw, x, y, step, coat):
    """A figure of about 60 pixels; `step` moves its legs."""
    swing = int(6 * np.sin(step))
    draw.line((x, y + 36, x - swing, y + 60), fill=(20, 20, 24), width=6)
    draw.line((x, y + 36, x + swing, y + 60), fill=(24, 24, 28), width=6)
    draw.rounded_rectangle((x - 10, y + 10, x + 10, y + 40), 5, fill=coat)
    draw.ellipse((x - 6, y - 4, x + 6, y + 10), fill=(58, 44, 38))


def draw_frame(street, number, rng):
    second = number / FRAMES_PER_SECOND
    image = street.copy()
    draw = ImageDraw.Draw(image)
    van = int(max(330, 660 - 150 * second))
    walkers = [(2.6, (66, 58, 70)), (3.1, (52, 60, 54)), (3.6, (70, 62, 48))]
    for start, coat in walkers:
        way = (second - start) / 2.6
        if 0 <= way < 1:
            draw_person(draw, int(372 - 54 * way), int(196 - 74 * way), 9 * second + start, coat)
    draw_van(draw, van)
    pixels = np.asarray(image).astype(np.float64)
    shape = pixels.shape[:2]
    brightness = 0.35 + 1.1 * light(shape, 520, 60, 190) + 0.5 * light(shape, 318, 80, 70)
    brightness += (0.9 if second < 2.4 else 0.0) * light(shape, van - 60, 285, 60)
    grey = (pixels @ [0.3, 0.6, 0.1]) * brightness + rng.normal(0, 4, shape)
    grey[number % 5 :: 90] += 4  # lines of a cheap sensor
    image = Image.fromarray(np.clip(grey, 0, 255).astype(np.uint8)).convert("RGB")
    draw = ImageDraw.Draw(image)
    stamp = f"CAM 02  TALLOW LANE   2026-03-14 21:42:{3 + int(second):02}"
    draw.rectangle((0, 336, 640, 360), fill=(0, 0, 0))
    draw.text((8, 339), stamp, font=font(15, mono=True), fill=(230, 230, 230))
    return image.tobytes()


def make_video():
    """A surveillance camera: a van stops at the back of the house, three people go in."""
    rng, street = np.random.default_rng(2142), draw_street()
    frames = b"".join(
        draw_frame(street, number, rng) for number in range(FRAMES_PER_SECOND * SECONDS)
    )
    source = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{FRAME[0]}x{FRAME[1]}"]
    source += ["-r", str(FRAMES_PER_SECOND), "-i", "-"]
    options = ["-c:v", "libvpx-vp9", "-b:v", "0", "-crf", "38", "-row-mt", "0"]
    options += ["-deadline", "good", "-cpu-used", "2", "-g", "24", "-pix_fmt", "yuv420p"]
    encode(source, options, FILES / "camera.webm", feed=frames)


# --- hashes ----------------------------------------------------------------------------------


def write_hashes():
    """Puts the declared hashes into case.json.

    The item that is to be quarantined declares what its file had with one line feed more: a
    copy that a program quietly ended with a line feed is how this happens.
    """
    path = HERE / "case.json"
    case = json.loads(path.read_text(encoding="utf-8"))
    for entry in case["items"]:
        content = (FILES / entry["file"]).read_bytes()
        if entry["quarantined"]:
            content += b"\n"
        for declared in entry["item"]["declared"]:
            declared["value"] = hashlib.new(declared["algorithm"], content).hexdigest()
    text = json.dumps(case, ensure_ascii=False, indent=2)
    for mark in "\u202e\u202c":  # would turn the text around for whoever reads the file
        text = text.replace(mark, f"\\u{ord(mark):04x}")
    path.write_text(text + "\n", encoding="utf-8")


def main():
    FILES.mkdir(exist_ok=True)
    make_texts()
    make_mail()
    make_lease()
    make_interview()
    make_voicemail()
    make_photograph()
    make_video()
    write_hashes()
    sizes = {path.name: path.stat().st_size for path in sorted(FILES.iterdir())}
    print(*(f"{size:>8} {name}" for name, size in sizes.items()), sep="\n")
    print(f"{sum(sizes.values()):>8} bytes in all")


if __name__ == "__main__":
    main()

"""Secrets and paths of this machine are taken out of texts, and nothing else is."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.chat.redaction import PATH, SECRET, redact, redact_secrets, redacted
from workbench.config.schema import TrainingConfig

pytestmark = pytest.mark.slow  # goes through much of the house

# Put together here, so that no scanner of secrets takes this file for a leak.
KEYS = [
    "AIza" + "Sy" + "a1B2c3D4e5" * 3 + "_-x",
    "sk-" + "proj-" + "Ab12" * 8,
    "sk-" + "ant-api03-" + "Zz9_" * 8,
    "hf_" + "QwErTyUiOp" * 3,
    "AKIA" + "IOSFODNN7EXAMPLE",
    "ghp_" + "16C7e42F" * 4,
    "github_pat_" + "11AA_" + "b" * 30,
    "glpat-" + "x1Y2z3" * 4,
    "xoxb-" + "1234567890-abcdef",
    "npm_" + "a1" * 18,
    "wandb_v1_" + "a1" * 18,
    "ya29." + "a0AfH6SMBx",
    "eyJhbGciOiJIUzI1NiJ9." + "eyJzdWIiOiIxMjM0In0." + "c2lnbmF0dXJl",
    "AQ." + "Ab8RN6K" + "a1B2c3D4e5" * 3,
]
PLACES = [
    "/home/someone/data/best.pt",
    "/root",
    "~/runs/best.pt",
    "~someone/x",
    "$HOME/weights",
    "C:\\Users\\someone\\best.pt",
    "D:/data/images",
    "\\\\server\\share\\images",
    "file:///home/someone/a.yaml",
    "/데이터/안전모/라벨.yaml",
    "/Users/someone else/My Files/best.pt",
    "'/data/with some/blanks in.pt'",
    "/media/my disk/someone/best.pt",
    "/Volumes/My Passport/someone/a.yaml",
    "C:\\Program Files\\someone corp\\best.pt",
    "D:\\작업 폴더\\데이터\\a.yaml",
    "\\\\nas\\my share\\best.pt",
]
HARMLESS = [
    "yolo26s로 helmet-v3 학습해줘, 640, 배치는 두 배로",
    "lr0=0.01, weight_decay 5e-4 and/or 1/2 of 30 km/h",
    "train/box_loss metrics/mAP50-95(B) val/cls_loss",
    "tokens: 1,234 tokens used, token use 120",
    "the key is to train longer; a key field; 10:30",
    "https://example.org/docs/train?",
    "s3://bucket/datasets/helmets/",
    "train-20261122-205300-9f3a1c on 0,1 at 50/100, batch /2",
    "<b>bold</b> </b> a > b ~ 3",
    "sha256 " + "0123456789abcdef" * 4,
    "yolo26n-seg.pt yolo11x-cls.yaml cuda:0 model=yolo26n.pt",
    "monkey=banana1 tokenizer=wordpiece cache=disk",
    "학습/검증/시험 비율 8:1:1, 이미지/라벨, 정밀도/recall/mAP",
    "http://localhost:8000/docs/a@b and https://github.com/a/b@main",
    "password reset, 비밀번호 바꾸기, a token 12 times, 토큰 1000개",
    "imgsz: 640/32, ratio: 3/4, 10//3, a:b/c",
]


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize(
    "text", ["{}", "use {} please", "키는 {}입니다", "({}),", "key={}", '"api_key": "{}"', "x\n{}\ny"]
)
def test_a_key_of_a_known_kind_is_taken_out_wherever_it_stands(key: str, text: str) -> None:
    assert key not in redact(text.format(key))
    assert key[8:] not in redact_secrets(text.format(key))
    assert SECRET in redact_secrets(text.format(key))


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("password=hunter2, epochs=50", f"password={SECRET}, epochs=50"),
        ("the password is hunter2 ok", f"the password is {SECRET} ok"),
        ("DB_PASSWORD: 'two words' x", f"DB_PASSWORD: {SECRET} x"),
        ("AWS_SECRET_ACCESS_KEY=a/b+c= next", f"AWS_SECRET_ACCESS_KEY={SECRET} next"),
        ("비밀번호는 hunter2 야", f"비밀번호는 {SECRET} 야"),
        ("토큰: abcd", f"토큰: {SECRET}"),
        ("token abc123def456 works", f"token {SECRET} works"),
        ("Authorization: Bearer abc.def", f"Authorization: {SECRET}"),
        ("key=abcdef", f"key={SECRET}"),
        ("-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY----- end", f"{SECRET} end"),
        ("-----BEGIN PRIVATE KEY-----\nMIIE cut", SECRET),
        ("postgresql://user:pw@host:5432/db", f"postgresql://{SECRET}@host:5432/db"),
        ("https://token@host/x", f"https://{SECRET}@host/x"),
        ("s3://b/k.jpg?X-Amz-Signature=f00", "s3://b/k.jpg?…"),
        ("az://c/b?sv=1&sig=abc%3D and gs://c/d", "az://c/b?… and gs://c/d"),
        ("https://h/x#access_token=abc", "https://h/x?…"),
        ("s3://AKI:wJalr/K7MD@bucket/x", f"s3://{SECRET}@bucket/x"),
        ("https://kim:p@ss/w0rd@h/x?y", f"https://{SECRET}@h/x?…"),
        ("https://kim:p?w@h", f"https://{SECRET}@h"),
        ("https://[::1]:80/a@b", "https://[::1]:80/a@b"),
        ("비밀번호 hunter2로 해줘", f"비밀번호 {SECRET} 해줘"),
        ("my password hunter2", f"my password {SECRET}"),
        ("db_password p@sswort, ok", f"db_password {SECRET}, ok"),
        ("비번 1234", f"비번 {SECRET}"),
        ("인증 토큰 abc123def456", f"인증 토큰 {SECRET}"),
        ("my key is abcd1234efgh", f"my key is {SECRET}"),
        ("SharedAccessSignature=sv=2020&sig=abc", f"SharedAccessSignature={SECRET}&sig={SECRET}"),
        ("key" + KEYS[0], f"key{SECRET}"),
        ("내키" + KEYS[4], f"내키{SECRET}"),
    ],
)
def test_what_somebody_calls_a_secret_is_one(text: str, left: str) -> None:
    assert redact_secrets(text) == left
    assert redact(text) == left


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("text", ["{}", "train on {} please", "model={}", "({})", "경로: {}", "path:{}", "경로:{}"])
def test_a_place_on_this_machine_is_taken_out(place: str, text: str) -> None:
    assert redact(text.format(place)) == text.format(PATH)
    assert redact_secrets(text.format(place)) == text.format(place)


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("데이터는/home/someone/x.yaml", "데이터는<path>"),
        ("데이터는/media/x 에폭 30", "데이터는<path> 에폭 30"),
        ("모델은/어딘가/여기/best.pt로", "모델은<path>로"),
        ("경로는C:\\Users\\someone\\best.pt 에폭 3", "경로는<path> 에폭 3"),
        ("see:/root/.ssh/id_rsa", "see:<path>"),
        ("dataset-/home/someone/x", "dataset-<path>"),
        ("on //nas/share/someone/x.yaml, epochs 3", "on <path>, epochs 3"),
        ("/data/x and 1/2 of it", "<path> and 1/2 of it"),
        ("/data/x epochs 50, lr0 1/2", "<path> epochs 50, lr0 1/2"),
        ("/data/x에서 s3://bucket/y 로", "<path> s3://bucket/y 로"),
        ("/data/a.yaml runs/x", "<path> runs/x"),
    ],
)
def test_of_what_stands_around_a_path_nothing_is_taken(text: str, left: str) -> None:
    assert redact(text) == left


@pytest.mark.parametrize("text", [text for text in HARMLESS if not text.endswith("?")])
def test_what_is_neither_stays_as_it_is(text: str) -> None:
    assert redact(text) == text


@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.one_of(st.sampled_from([*KEYS, *PLACES, *HARMLESS]), st.text(max_size=12)), max_size=6),
    st.sampled_from([" ", ", ", "\n", " (", "="]),
)
def test_no_key_of_a_known_kind_is_left_and_a_second_pass_changes_nothing(parts: list[str], between: str) -> None:
    once = redact(between.join(parts))
    assert redact(once) == once
    for part in KEYS:
        assert part not in once


def test_every_text_of_a_record_is_gone_through_and_its_numbers_are_not() -> None:
    record = {"a": ["/opt/x", 1, None, 0.5, True], "/opt/y": {"b": (KEYS[0],)}}
    assert redacted(record) == {"a": [PATH, 1, None, 0.5, True], PATH: {"b": [SECRET]}}
    assert redacted(record, redact_secrets)["a"][0] == "/opt/x"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("api_key", "hunter2value"), ("apiKey", "x"), ("WANDB_API_KEY", "abc"), ("db_password", "s3cr3t!")),
        *(("passwd", 1234), ("Passphrase", "two words"), ("MYSQL_PWD", "x"), ("client-secret", "x")),
        *(("aws_secret_access_key", "x/y"), ("AccountKey", "x=="), ("authorization", "Basic x")),
        *(
            ("access_token", "x"),
            ("hfToken", "abcdef"),
            ("token", "a1b2c3"),
            ("key", "abcd1234"),
            ("ssh_key", "a1b2c3"),
        ),
        *(("pass", "hunter2"), ("auth", "kim:hunter2"), ("signature", "a1B2/c3D4+" * 4), ("token", "AbCdE" * 5)),
        *(("비밀번호", "hunter2"), ("api 키", "hunter2"), ("토큰", "a1b2c3")),
    ],
)
def test_what_a_record_calls_a_secret_is_taken_out(name: str, value: object) -> None:
    for clean in (redact, redact_secrets):
        assert redacted({"parameters": [{name: value}]}, clean) == {"parameters": [{name: SECRET}]}


def test_all_that_stands_under_the_name_of_a_secret_is_one() -> None:
    record = {"credentials": {"user": "kim", "pins": [1, None, True], "more": {"keypoints": "x"}}}
    assert redacted(record) == {
        "credentials": {"user": SECRET, "pins": [SECRET, None, True], "more": {"keypoints": SECRET}}
    }


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("keypoints", "abc123"), ("kpt_shape", [17, 3]), ("monkey", "banana1"), ("keyframe", "a1b2c3")),
        *(("key", "no_run_to_start"), ("sort_key", "metrics/mAP50-95(B)"), ("primary_key", "id"), ("key", 7)),
        *(("tokens", 1234), ("token_count", 120), ("max_tokens", "1000k"), ("tokenizer", "gpt2bpe"), ("token", 12)),
        *(("pad_token", "[PAD]"), ("bypass", "layer12x"), ("passes", "a1b2c3"), ("compass", "n0rth12")),
        *(("use_password", True), ("secret", None), ("secretary", "kim12345"), ("signature_kind", "sha256x")),
        *(("author", "kim12345"), ("암호화", "AES256"), ("열쇠말", "a1b2c3"), ("model", "yolo26n.pt")),
    ],
)
def test_what_only_sounds_like_the_name_of_a_secret_is_none(name: str, value: object) -> None:
    assert redacted({name: value}) == {name: value}


def test_no_field_of_the_config_is_called_a_secret() -> None:
    fields = dict.fromkeys(TrainingConfig.model_fields, "a1b2c3d4e5f6")
    assert redacted(fields) == fields


@pytest.mark.parametrize(
    "text",
    [
        *("a", "/a", "key ", "a_", "password", "://", "'/", "/Users/someone b", "api-", "eyJ", "sk-", "\\\\"),
        *("x=y&", ", /"),
        *("-----BEGIN PRIVATE KEY-----", "token  ", "비밀번호", "~/", "a:/", "is ", "key=", "/home/ ", '"'),
        *(
            "/x a",
            "가/",
            "가/a",
            "/a b ",
            "C:\\a ",
            "https://a:",
            "https://a:b/@",
            "비번 ",
            "/media/a b",
            "AKIA",
            "AIza",
        ),
        *("//a", "...", "-/", "&sig=", "a b/"),
    ],
)
def test_no_text_makes_it_slow(text: str) -> None:
    started = time.process_time()
    redact(text * (50_000 // len(text)))
    assert time.process_time() - started < 1

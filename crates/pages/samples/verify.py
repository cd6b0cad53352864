import base64, hashlib, hmac, time

def verify(secret: str, headers: dict, body: bytes) -> bool:
    """headers: names in lower case; body: the bytes as they came, not parsed."""
    if secret.startswith("whsec_"):
        key = base64.b64decode(secret[len("whsec_"):])
    else:
        key = secret.encode()
    id, stamp, given = (headers.get(f"webhook-{name}") or "" for name in ("id", "timestamp", "signature"))
    if not (stamp.isdecimal() and len(stamp) <= 12) or abs(time.time() - int(stamp)) > 300:
        return False  # no time, or too old: somebody may be sending it again
    signed = f"{id}.{stamp}.".encode("utf-8", "replace") + body
    expected = b"v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest())
    return any(hmac.compare_digest(expected, s) for s in given.encode("utf-8", "replace").split(b" "))

<?php
// $headers: names in lower case; $body: file_get_contents('php://input').
function verify(string $secret, array $headers, string $body): bool
{
    $key = str_starts_with($secret, 'whsec_') ? base64_decode(substr($secret, 6)) : $secret;
    $stamp = $headers['webhook-timestamp'] ?? '';
    if (abs(time() - (int) $stamp) > 300) {
        return false; // too old: somebody may be sending it again
    }
    $signed = ($headers['webhook-id'] ?? '') . '.' . $stamp . '.' . $body;
    $expected = 'v1,' . base64_encode(hash_hmac('sha256', $signed, $key, true));
    foreach (explode(' ', $headers['webhook-signature'] ?? '') as $given) {
        if (hash_equals($expected, $given)) {
            return true;
        }
    }
    return false;
}

"""What has to happen in Redis without anything in between, in its own language (Lua)."""

from __future__ import annotations

# Microseconds since the epoch, or one more than last time if that is more: it never repeats, even if Redis loses all
# it has, unless its clock is put back as well. A Lua number holds such a count exactly until the year 2255.
_NUMBER = """
local function next_token(counter)
  local time = redis.call('TIME')
  local last = tonumber(redis.pcall('GET', counter)) or 0
  local token = math.max(time[1] * 1000000 + time[2], last + 1)
  redis.call('SET', counter, string.format('%.0f', token))
  return token
end
"""

NEXT_TOKEN = (_NUMBER + "return next_token(KEYS[1])").encode()
"""Return a number that is larger than all before it. Keys: the counter."""

ACQUIRE = (
    _NUMBER
    + """
if redis.call('PTTL', KEYS[1]) >= 0 then return false end
local token = next_token(KEYS[2])
redis.call('SET', KEYS[1], string.format('%.0f', token), 'PX', ARGV[1])
return token
"""
).encode()
"""Take a lease and return its token, or nil if somebody holds it. Keys: lease, counter. Arguments: milliseconds."""

CONFIRM = b"""
if redis.pcall('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
"""
"""Let a lease last from now on, if it is still the caller's; say whether it is. Keys: lease. Arguments: token, ms."""

RELEASE = b"""
if redis.pcall('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[1])
redis.call('PUBLISH', ARGV[2], KEYS[1])
return 1
"""
"""End a lease and say so, if it is still the caller's. Keys: lease. Arguments: token, channel."""

STAGE = b"""
local head = redis.pcall('GETRANGE', KEYS[1], 0, 8)
if type(head) == 'string' and #head == 9 and head:byte() == ARGV[1]:byte()
  and struct.unpack('>I8', head, 2) > struct.unpack('>I8', ARGV[1], 2) then return 0 end
if ARGV[2] then redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[2])
else redis.call('SET', KEYS[2], ARGV[1]) end
return 1
"""
"""Keep a value beside the one it is to replace, unless that was written with a later token; say whether it did.

Keys: the value, the place beside it. Arguments: the new value with its header, milliseconds or nothing.

The script does not write the value itself: Redis would then report the change to the process that made it, too, and
every copy in its memory would be dropped as soon as it is made. A RENAME in the same transaction does.
"""

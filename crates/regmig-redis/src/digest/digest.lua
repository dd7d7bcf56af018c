-- Reads keys and answers with short digests of them. Writes nothing, so that a replica runs it.
--
-- ARGV: 1 mode, 2 database, 3 expiry (abs, derive, none), 4 whether hash fields expire (0, 1),
-- 5 work units, 6 and 7 slice of the key marks (first and last, 4 hex digits each),
-- 8 number of excluded patterns, then those, then what the mode takes.
--
-- One item is 32 hex digits: 16 of the key's mark, 15 of the record, 1 of kind.

local sub, len, find, format, tonumber = string.sub, string.len, string.find, string.format, tonumber
local call, sha = redis.call, redis.sha1hex

local mode, db, expiry, field_expiry = ARGV[1], ARGV[2], ARGV[3], ARGV[4] == '1'
local budget, low, high = tonumber(ARGV[5]), ARGV[6], ARGV[7]
local patterns, first = {}, 9 + tonumber(ARGV[8])
for i = 9, first - 1 do patterns[#patterns + 1] = ARGV[i] end
local sliced = low ~= '0000' or high ~= 'ffff'

local LIMB = 4503599627370496    -- 2^52: the sum of two is still exact in a double
local WHOLE = 65536              -- a string up to this many bytes goes into its record as it is
local ELEMENTS = 1000            -- a collection of more than this many is read in pieces
local MEMORY = 524288            -- so is one that takes more than this many bytes
local STEP = 64                  -- at most so many elements of it are read at a time
-- Work units are about nanoseconds, measured with Redis 7.0 on two busy cores.
local PER_KEY, PER_BYTE, PER_ELEMENT = 5000, 4, 2000

local KIND = { string = 0, hash = 1, set = 2, list = 3, zset = 4, stream = 5 }
local CARD = { hash = 'HLEN', set = 'SCARD', list = 'LLEN', zset = 'ZCARD', stream = 'XLEN' }

-- Numbers up to a few hundred as text, each formatted once a call.
local TEXT = setmetatable({}, { __index = function(known, n)
  local text = format('%.0f', n)
  if n < 512 then known[n] = text end
  return text
end })

local function key_mark(key) return sub(sha(db .. ':' .. key), 1, 16) end

local function is_excluded(key)
  for i = 1, #patterns do
    if find(key, patterns[i]) then return true end
  end
  return false
end

-- The moment a key expires, in ms since 1970, or -1.
local function expires_at(key)
  if expiry == 'none' then return -1 end
  if expiry == 'abs' then return call('PEXPIRETIME', key) end
  for _ = 1, 50 do
    local a = call('TIME')
    local left = call('PTTL', key)
    if left < 0 then return -1 end
    local b = call('TIME')
    -- Exact when the clock showed the same millisecond before and after.
    local at = a[1] * 1000 + math.floor(a[2] / 1000)
    if at == b[1] * 1000 + math.floor(b[2] / 1000) then return at + left end
  end
  return error('this server is too slow to tell when a key expires')
end

-- A sum of element hashes: {elements, two limbs, bytes read}.
local function empty() return { 0, 0, 0, 0 } end

local function add(sum, text)
  local h = sha(text)
  sum[1] = sum[1] + 1
  sum[2] = (sum[2] + tonumber(sub(h, 1, 13), 16)) % LIMB
  sum[3] = (sum[3] + tonumber(sub(h, 14, 26), 16)) % LIMB
  sum[4] = sum[4] + len(text)
end

-- Redis 7.2 began to print scores in another way; this is the same for all.
local function score(text) return format('%.17g', tonumber(text)) end

local function add_fields(sum, key, pairs_)
  local times
  if field_expiry and #pairs_ > 0 then
    local names = {}
    for i = 1, #pairs_, 2 do names[#names + 1] = pairs_[i] end
    times = call('HPEXPIRETIME', key, 'FIELDS', #names, unpack(names))
  end
  for i = 1, #pairs_, 2 do
    local text = TEXT[len(pairs_[i])] .. ':' .. pairs_[i] .. pairs_[i + 1]
    local at = times and times[(i + 1) / 2]
    if at and at > 0 and expiry ~= 'none' then text = text .. ';' .. format('%.0f', at) end
    add(sum, text)
  end
end

local function add_members(sum, members)
  for i = 1, #members do add(sum, members[i]) end
end

local function add_scored(sum, list)
  for i = 1, #list, 2 do add(sum, len(list[i]) .. ':' .. list[i] .. score(list[i + 1])) end
end

local function add_items(sum, items, from)
  for i = 1, #items do add(sum, format('%.0f', from + i - 1) .. ':' .. items[i]) end
end

local function add_entry(sum, entry)
  local parts = { entry[1] }
  for i = 1, #entry[2] do parts[#parts + 1] = len(entry[2][i]) .. ':' .. entry[2][i] end
  add(sum, table.concat(parts, ','))
end

-- What a stream holds besides its entries.
local function stream_tail(key)
  local parts = {}
  local about = call('XINFO', 'STREAM', key)
  for i = 1, #about, 2 do
    if about[i] == 'last-generated-id' then parts[1] = about[i + 1] end
  end
  local groups = {}
  for _, group in ipairs(call('XINFO', 'GROUPS', key)) do
    local g = {}
    for i = 1, #group, 2 do g[group[i]] = group[i + 1] end
    groups[#groups + 1] = len(g.name) .. ':' .. g.name .. ',' .. g['last-delivered-id'] .. ',' .. g.pending
  end
  table.sort(groups)
  parts[2] = table.concat(groups, ';')
  return table.concat(parts, ';')
end

local function sum_text(key, kind, sum)
  local text = format('%.0f:%.0f:%.0f', sum[1], sum[2], sum[3])
  if kind == 'stream' then text = text .. ';' .. stream_tail(key) end
  return text
end

local function item(key, mark, kind, value)
  local at = expires_at(key)
  local code = KIND[kind] or 6
  local time = ''
  if at > 0 then
    code = code + 8
    time = format('%.0f', at)
  end
  local record = sha(kind .. ';' .. time .. ';' .. db .. ';' .. TEXT[len(key)] .. ':' .. key .. ';' .. value)
  return mark .. sub(record, 1, 15) .. format('%x', code)
end

local function weighs_too_much(key)
  local answer = redis.pcall('MEMORY', 'USAGE', key)
  return type(answer) == 'number' and answer > MEMORY
end

-- Reads one key whole: its item and the work that it was; or nil and 'big', 'gone' or 'later'.
local function read_whole(key, mark, left)
  local kind = call('TYPE', key).ok
  if kind == 'none' then return nil, 'gone' end
  if kind == 'string' then
    local size = call('STRLEN', key)
    if size > WHOLE then return nil, 'big' end
    if size * PER_BYTE > left then return nil, 'later' end
    local value = call('GET', key)
    if not value then return nil, 'gone' end
    return item(key, mark, kind, value), PER_KEY + size * PER_BYTE
  end
  local card = CARD[kind] and call(CARD[kind], key)
  if not card then
    local dump = call('DUMP', key)
    if not dump then return nil, 'gone' end
    -- The last ten bytes are a format version and a checksum that covers it.
    return item(key, mark, kind, sub(dump, 1, -11)), PER_KEY + len(dump) * PER_BYTE
  end
  if card > ELEMENTS then return nil, 'big' end
  if card * PER_ELEMENT > left then return nil, 'later' end
  if weighs_too_much(key) then return nil, 'big' end
  local sum = empty()
  if kind == 'hash' then add_fields(sum, key, call('HGETALL', key))
  elseif kind == 'set' then add_members(sum, call('SMEMBERS', key))
  elseif kind == 'list' then add_items(sum, call('LRANGE', key, 0, -1), 0)
  elseif kind == 'zset' then add_scored(sum, call('ZRANGE', key, 0, -1, 'WITHSCORES'))
  else
    for _, entry in ipairs(call('XRANGE', key, '-', '+')) do add_entry(sum, entry) end
  end
  return item(key, mark, kind, sum_text(key, kind, sum)), PER_KEY + card * PER_ELEMENT + sum[4] * PER_BYTE
end

-- Reads keys until the work is too much; answers {items, keys left for later, keys to read in pieces}.
local function read_keys(keys)
  local items, later, big, used = {}, {}, {}, 0
  for i = 1, #keys do
    local key = keys[i]
    local mark = key_mark(key)
    used = used + 1000
    if not sliced or (sub(mark, 1, 4) >= low and sub(mark, 1, 4) <= high) then
      if is_excluded(key) then
        items[#items + 1] = mark .. '0000000000000007'
      elseif used > budget then
        later[#later + 1] = key
      else
        -- The first key is read whatever it costs, so that every call gets somewhere.
        local left = #items == 0 and math.huge or budget - used
        local one, cost = read_whole(key, mark, left)
        if one then
          items[#items + 1] = one
          used = used + cost
        elseif cost == 'big' then big[#big + 1] = key
        elseif cost == 'later' then later[#later + 1] = key
        end
      end
    end
  end
  return { table.concat(items), later, big }
end

local READ = {}

function READ.hash(key, cursor, sum, step)
  local answer = call('HSCAN', key, cursor, 'COUNT', step)
  add_fields(sum, key, answer[2])
  return answer[1]
end

function READ.set(key, cursor, sum, step)
  local answer = call('SSCAN', key, cursor, 'COUNT', step)
  add_members(sum, answer[2])
  return answer[1]
end

function READ.zset(key, cursor, sum, step)
  local answer = call('ZSCAN', key, cursor, 'COUNT', step)
  add_scored(sum, answer[2])
  return answer[1]
end

function READ.list(key, cursor, sum, step)
  local from = tonumber(cursor)
  local items = call('LRANGE', key, from, from + step - 1)
  add_items(sum, items, from)
  return #items < step and '0' or format('%.0f', from + step)
end

function READ.string(key, cursor, sum, step)
  local from = tonumber(cursor)
  local piece = call('GETRANGE', key, from, from + WHOLE - 1)
  add(sum, format('%.0f', from) .. ':' .. piece)
  return len(piece) < WHOLE and '0' or format('%.0f', from + WHOLE)
end

function READ.stream(key, cursor, sum, step)
  -- Redis 6.0 knows no exclusive ranges: start at the last entry and pass over it.
  local from = cursor == '0' and '-' or cursor
  local entries = call('XRANGE', key, from, '+', 'COUNT', step)
  local last = cursor
  for i = 1, #entries do
    if entries[i][1] ~= cursor then add_entry(sum, entries[i]) end
    last = entries[i][1]
  end
  return #entries < step and '0' or last
end

if mode == 'scan' then
  -- cursor, count
  local answer = call('SCAN', ARGV[first], 'COUNT', ARGV[first + 1])
  local read = read_keys(answer[2])
  return { answer[1], read[1], read[2], read[3] }
elseif mode == 'keys' then
  local keys = {}
  for i = first, #ARGV do keys[#keys + 1] = ARGV[i] end
  return read_keys(keys)
elseif mode == 'piece' then
  -- key, cursor: {next cursor, type, elements, limbs}
  local key, cursor = ARGV[first], ARGV[first + 1]
  local kind = call('TYPE', key).ok
  local sum = empty()
  if not READ[kind] then return { '0', kind, 0, 0, 0 } end
  -- A stream needs two: one of them is where the last step ended.
  local step, used = 2, 0
  repeat
    cursor = READ[kind](key, cursor, sum, step)
    local work = sum[1] * PER_ELEMENT + sum[4] * PER_BYTE
    -- Elements that turn out to be heavy are read few at a time.
    if (work - used) * 8 < budget and step < STEP then step = step * 2 end
    used = work
  until cursor == '0' or used > budget
  return { cursor, kind, sum[1], sum[2], sum[3] }
elseif mode == 'finish' then
  -- key, type, elements, limbs: the item, or nothing when the key is not what was read
  local key, kind = ARGV[first], ARGV[first + 1]
  local now = call('TYPE', key).ok
  if now == 'none' then return 'gone' end
  local sum = {}
  for i = 1, 3 do sum[i] = tonumber(ARGV[first + 1 + i]) end
  local size = 0
  if now == 'string' then size = math.floor(call('STRLEN', key) / WHOLE) + 1
  elseif CARD[now] then size = call(CARD[now], key)
  end
  if now ~= kind or size ~= sum[1] then return 'changed' end
  return item(key, key_mark(key), kind, sum_text(key, kind, sum))
end
return redis.error_reply('unknown mode')

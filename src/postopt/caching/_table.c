/* The table of a memory store, compiled: same methods, same laws as the class in table.py, which says what they are and
 * stands in where this file could not be compiled. The tests run against both.
 *
 * Entries stand in an array, by slot; free slots are chained through their hash. An index of slots, open-addressed with
 * linear probing, finds them by hash. A removed slot leaves no mark in the index: those behind it move up.
 *
 * Comparing keys and asking the clock may run any Python code, which may change the table. `version` says whether it
 * did; after such a call nothing is believed that was read from the table before.
 */

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <math.h>
#include <stdint.h>
#include <structmember.h>
#include <time.h>

/* Linux has clocks that tell the time of the last tick, in a tenth of the time. A tick is 10 ms at most, but a virtual
 * machine that was held up may miss some; whatever ends later than COARSE_LAG from there has not ended. Elsewhere
 * Python's clocks are called: it is not certain which of the system's they read. */
#define COARSE_LAG 1.0

/* As often is a search begun again because a comparison has changed the table: no thread is that unlucky. */
#define MAX_RESTARTS 1000

#define NO_SLOT (-1)
#define FAILED (-2)
#define MAX_HITS 127
#define EVER_HIT 128 /* stays when the hits below are taken */

typedef struct {
    PyObject *key; /* NULL in a free slot */
    PyObject *value;
    Py_hash_t hash; /* of a free slot: the next free one, or NO_SLOT */
    double expires_at;
} Entry;

typedef struct {
    PyObject_HEAD
    PyObject *clock;
    int clock_id; /* to ask the system at once, or -1 for clocks that are not the system's */
    int coarse_id;
    Entry *entries;
    uint8_t *hits; /* by slot, since they were taken, and EVER_HIT */
    Py_ssize_t slots;
    Py_ssize_t allocated;
    Py_ssize_t free; /* a free slot, or NO_SLOT */
    Py_ssize_t live;
    int32_t *index; /* slots, or NO_SLOT */
    size_t mask;    /* size of the index, a power of two, less one */
    uint64_t version;
    unsigned long long total_hits;
    unsigned long long misses;
} Table;

/* Where the search for a hash begins: the product's upper bits depend on all of the hash (D. Knuth, TAOCP 3, 6.4). */
static inline size_t
first_place(const Table *self, Py_hash_t hash)
{
    return (size_t)((uint64_t)hash * UINT64_C(0x9E3779B97F4A7C15) >> 32) & self->mask;
}

static inline Py_hash_t
hash_of(PyObject *key)
{
    if (PyUnicode_CheckExact(key)) {
        Py_hash_t hash = ((PyASCIIObject *)key)->hash;
        if (hash != -1) {
            return hash;
        }
    }
    return PyObject_Hash(key);
}

/* Return the slot of a key, NO_SLOT, or FAILED with an exception set. */
static Py_ssize_t
find_slot(Table *self, PyObject *key, Py_hash_t hash)
{
    size_t place;
    int32_t slot;
    int restarts = 0;

restart:
    place = first_place(self, hash);
    while ((slot = self->index[place]) != NO_SLOT) {
        PyObject *candidate = self->entries[slot].key;
        if (candidate == key) {
            return slot;
        }
        if (self->entries[slot].hash == hash) {
            uint64_t version = self->version;
            Py_INCREF(candidate);
            int equal = PyObject_RichCompareBool(candidate, key, Py_EQ);
            Py_DECREF(candidate);
            if (equal < 0) {
                return FAILED;
            }
            if (version != self->version) {
                if (++restarts > MAX_RESTARTS) {
                    PyErr_SetString(PyExc_RuntimeError, "each comparison with this key changes the table");
                    return FAILED;
                }
                goto restart;
            }
            if (equal) {
                return slot;
            }
        }
        place = (place + 1) & self->mask;
    }
    return NO_SLOT;
}

static void
index_slot(Table *self, Py_ssize_t slot)
{
    size_t place = first_place(self, self->entries[slot].hash);
    while (self->index[place] != NO_SLOT) {
        place = (place + 1) & self->mask;
    }
    self->index[place] = (int32_t)slot;
}

/* Take a slot out of the index, and let those behind it move up to where they would be without it. */
static void
unindex_slot(Table *self, Py_ssize_t slot)
{
    size_t hole = first_place(self, self->entries[slot].hash);
    while (self->index[hole] != (int32_t)slot) {
        hole = (hole + 1) & self->mask;
    }
    size_t place = hole;
    for (;;) {
        place = (place + 1) & self->mask;
        int32_t other = self->index[place];
        if (other == NO_SLOT) {
            break;
        }
        size_t home = first_place(self, self->entries[other].hash);
        if (((place - home) & self->mask) >= ((place - hole) & self->mask)) {
            self->index[hole] = other;
            hole = place;
        }
    }
    self->index[hole] = NO_SLOT;
}

static int
resize_index(Table *self, size_t size)
{
    int32_t *index = PyMem_Malloc(size * sizeof(int32_t));
    if (index == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    memset(index, 0xFF, size * sizeof(int32_t)); /* NO_SLOT in each */
    PyMem_Free(self->index);
    self->index = index;
    self->mask = size - 1;
    self->version++;
    for (Py_ssize_t slot = 0; slot < self->slots; slot++) {
        if (self->entries[slot].key != NULL) {
            index_slot(self, slot);
        }
    }
    return 0;
}

/* Make room for one more entry, two thirds of the index filled at most. */
static int
reserve(Table *self)
{
    if ((size_t)(self->live + 1) * 3 > (self->mask + 1) * 2 && resize_index(self, (self->mask + 1) * 2) < 0) {
        return -1;
    }
    if (self->free != NO_SLOT || self->slots < self->allocated) {
        return 0;
    }
    Py_ssize_t allocated = self->allocated + self->allocated / 8 + 8;
    if (allocated > INT32_MAX) {
        PyErr_SetString(PyExc_OverflowError, "a table holds at most 2**31 entries");
        return -1;
    }
    Entry *entries = PyMem_Realloc(self->entries, allocated * sizeof(Entry));
    if (entries == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    self->entries = entries;
    uint8_t *hits = PyMem_Realloc(self->hits, allocated);
    if (hits == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    self->hits = hits;
    self->allocated = allocated;
    return 0;
}

/* Return the entry that a Python int names, or NULL with IndexError set. */
static Entry *
entry_at(Table *self, PyObject *argument)
{
    Py_ssize_t slot = PyNumber_AsSsize_t(argument, PyExc_IndexError);
    if (slot == -1 && PyErr_Occurred()) {
        return NULL;
    }
    if (slot < 0 || slot >= self->slots || self->entries[slot].key == NULL) {
        PyErr_Format(PyExc_IndexError, "slot %zd is free", slot);
        return NULL;
    }
    return &self->entries[slot];
}

#ifdef __linux__
/* Say whether a clock is Python's own function of that name, and not what somebody put in its place. */
static int
is_of_time_module(PyObject *clock, const char *name)
{
    if (!PyCFunction_CheckExact(clock) || strcmp(((PyCFunctionObject *)clock)->m_ml->ml_name, name) != 0) {
        return 0;
    }
    PyObject *module = ((PyCFunctionObject *)clock)->m_module;
    return module != NULL && PyUnicode_Check(module) && PyUnicode_CompareWithASCIIString(module, "time") == 0;
}

/* Return the seconds of one of the system's clocks, or -1. */
static inline double
system_seconds(int clock_id)
{
    struct timespec now;
    if (clock_id < 0 || clock_gettime((clockid_t)clock_id, &now) != 0) {
        return -1.0;
    }
    /* Rounded as Python's time.time() is, so that the two never disagree. */
    return (double)((int64_t)now.tv_sec * 1000000000 + now.tv_nsec) / 1e9;
}
#endif

/* Return whether an end has come, or -1 with an exception set. */
static int
has_ended(Table *self, double expires_at)
{
    if (expires_at == Py_HUGE_VAL) {
        return 0;
    }
#ifdef __linux__
    double now = system_seconds(self->coarse_id);
    if (now >= 0.0 && now + COARSE_LAG < expires_at) {
        return 0;
    }
    now = system_seconds(self->clock_id);
    if (now >= 0.0) {
        return expires_at <= now;
    }
#endif
    PyObject *clock = Py_NewRef(self->clock);
    PyObject *result = PyObject_CallNoArgs(clock);
    Py_DECREF(clock);
    if (result == NULL) {
        return -1;
    }
    double seconds = PyFloat_AsDouble(result);
    Py_DECREF(result);
    if (seconds == -1.0 && PyErr_Occurred()) {
        return -1;
    }
    return expires_at <= seconds;
}

static PyObject *
Table_get(Table *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    static const char *const words[] = {"key", "default"};
    PyObject *given[2] = {NULL, Py_None};
    Py_ssize_t named = kwnames == NULL ? 0 : PyTuple_GET_SIZE(kwnames);
    if (nargs < 1 || nargs > 2 || named) {
        if (nargs > 2) {
            PyErr_Format(PyExc_TypeError, "get() takes at most 2 arguments (%zd given)", nargs);
            return NULL;
        }
        for (Py_ssize_t i = 0; i < nargs; i++) {
            given[i] = args[i];
        }
        for (Py_ssize_t i = 0; i < named; i++) {
            PyObject *name = PyTuple_GET_ITEM(kwnames, i);
            int which = PyUnicode_CompareWithASCIIString(name, words[0]) == 0   ? 0
                        : PyUnicode_CompareWithASCIIString(name, words[1]) == 0 ? 1
                                                                                : -1;
            if (which < 0 || which < nargs) {
                PyErr_Format(PyExc_TypeError, "get() got an unexpected argument '%U'", name);
                return NULL;
            }
            given[which] = args[nargs + i];
        }
        if (given[0] == NULL) {
            PyErr_SetString(PyExc_TypeError, "get() needs a key");
            return NULL;
        }
    }
    else {
        given[0] = args[0];
        if (nargs == 2) {
            given[1] = args[1];
        }
    }

    Py_hash_t hash = hash_of(given[0]);
    if (hash == -1) {
        return NULL;
    }
    Py_ssize_t slot = find_slot(self, given[0], hash);
    if (slot == FAILED) {
        return NULL;
    }
    if (slot != NO_SLOT) {
        PyObject *value = Py_NewRef(self->entries[slot].value);
        uint64_t version = self->version;
        int ended = has_ended(self, self->entries[slot].expires_at);
        if (ended == 0) {
            if (version == self->version && (self->hits[slot] & MAX_HITS) < MAX_HITS) {
                self->hits[slot] = (uint8_t)(self->hits[slot] + 1) | EVER_HIT;
            }
            self->total_hits++;
            return value;
        }
        Py_DECREF(value);
        if (ended < 0) {
            return NULL;
        }
    }
    self->misses++;
    return Py_NewRef(given[1]);
}

static PyObject *
Table_find(Table *self, PyObject *key)
{
    Py_hash_t hash = hash_of(key);
    if (hash == -1) {
        return NULL;
    }
    Py_ssize_t slot = find_slot(self, key, hash);
    return slot == FAILED ? NULL : PyLong_FromSsize_t(slot);
}

static PyObject *
Table_put(Table *self, PyObject *args)
{
    PyObject *key, *value;
    double expires_at;
    if (!PyArg_ParseTuple(args, "OOd:put", &key, &value, &expires_at)) {
        return NULL;
    }
    Py_hash_t hash = hash_of(key);
    if (hash == -1 || reserve(self) < 0) {
        return NULL;
    }
    Py_ssize_t slot = self->free;
    if (slot == NO_SLOT) {
        slot = self->slots++;
    }
    else {
        self->free = (Py_ssize_t)self->entries[slot].hash;
    }
    self->entries[slot] = (Entry){Py_NewRef(key), Py_NewRef(value), hash, expires_at};
    self->hits[slot] = 0;
    index_slot(self, slot);
    self->live++;
    self->version++;
    return PyLong_FromSsize_t(slot);
}

static PyObject *
Table_replace(Table *self, PyObject *args)
{
    PyObject *slot, *value;
    double expires_at;
    if (!PyArg_ParseTuple(args, "OOd:replace", &slot, &value, &expires_at)) {
        return NULL;
    }
    Entry *entry = entry_at(self, slot);
    if (entry == NULL) {
        return NULL;
    }
    PyObject *old = entry->value;
    entry->value = Py_NewRef(value);
    entry->expires_at = expires_at;
    self->version++;
    Py_DECREF(old); /* last: it may run code that uses the table */
    Py_RETURN_NONE;
}

static PyObject *
Table_remove(Table *self, PyObject *argument)
{
    Entry *entry = entry_at(self, argument);
    if (entry == NULL) {
        return NULL;
    }
    Py_ssize_t slot = entry - self->entries;
    PyObject *key = entry->key, *value = entry->value;
    unindex_slot(self, slot);
    *entry = (Entry){NULL, NULL, (Py_hash_t)self->free, 0.0};
    self->free = slot;
    self->live--;
    self->version++;
    Py_DECREF(value); /* last: they may run code that uses the table */
    Py_DECREF(key);
    Py_RETURN_NONE;
}

static PyObject *
Table_item(Table *self, PyObject *argument)
{
    Entry *entry = entry_at(self, argument);
    if (entry == NULL) {
        return NULL;
    }
    /* Own references: making the tuple may collect garbage, and that may remove the entry. */
    return Py_BuildValue("(NNd)", Py_NewRef(entry->key), Py_NewRef(entry->value), entry->expires_at);
}

static PyObject *
Table_is_free(Table *self, PyObject *argument)
{
    Py_ssize_t slot = PyNumber_AsSsize_t(argument, PyExc_IndexError);
    if (slot == -1 && PyErr_Occurred()) {
        return NULL;
    }
    if (slot < 0 || slot >= self->slots) {
        return PyErr_Format(PyExc_IndexError, "there is no slot %zd", slot);
    }
    return PyBool_FromLong(self->entries[slot].key == NULL);
}

static PyObject *
Table_take_hits(Table *self, PyObject *argument)
{
    Entry *entry = entry_at(self, argument);
    if (entry == NULL) {
        return NULL;
    }
    Py_ssize_t slot = entry - self->entries;
    long hits = self->hits[slot] & MAX_HITS;
    self->hits[slot] &= EVER_HIT;
    return PyLong_FromLong(hits);
}

static PyObject *
Table_was_hit(Table *self, PyObject *argument)
{
    Entry *entry = entry_at(self, argument);
    return entry == NULL ? NULL : PyBool_FromLong(self->hits[entry - self->entries] & EVER_HIT);
}

static PyObject *
Table_sizeof(Table *self, PyObject *Py_UNUSED(ignored))
{
    size_t size = (size_t)Py_TYPE(self)->tp_basicsize + (size_t)self->allocated * (sizeof(Entry) + 1);
    return PyLong_FromSize_t(size + (self->mask + 1) * sizeof(int32_t));
}

static PyObject *
Table_slots(Table *self, void *Py_UNUSED(closure))
{
    return PyLong_FromSsize_t(self->slots);
}

static Py_ssize_t
Table_length(Table *self)
{
    return self->live;
}

static int
Table_init(Table *self, PyObject *args, PyObject *kwargs)
{
    static char *words[] = {"clock", NULL};
    PyObject *clock;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O:Table", words, &clock)) {
        return -1;
    }
    Py_XSETREF(self->clock, Py_NewRef(clock));
    self->clock_id = self->coarse_id = -1;
#ifdef __linux__
    if (is_of_time_module(clock, "time")) {
        self->clock_id = CLOCK_REALTIME;
        self->coarse_id = CLOCK_REALTIME_COARSE;
    }
    else if (is_of_time_module(clock, "monotonic")) {
        self->clock_id = CLOCK_MONOTONIC;
        self->coarse_id = CLOCK_MONOTONIC_COARSE;
    }
#endif
    return 0;
}

static PyObject *
Table_new(PyTypeObject *type, PyObject *Py_UNUSED(args), PyObject *Py_UNUSED(kwargs))
{
    Table *self = (Table *)type->tp_alloc(type, 0);
    if (self == NULL) {
        return NULL;
    }
    self->clock = Py_NewRef(Py_None);
    self->clock_id = self->coarse_id = -1;
    self->free = NO_SLOT;
    if (resize_index(self, 8) < 0) {
        Py_DECREF(self);
        return NULL;
    }
    return (PyObject *)self;
}

static int
Table_traverse(Table *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(self->clock);
    for (Py_ssize_t slot = 0; slot < self->slots; slot++) {
        Py_VISIT(self->entries[slot].key);
        Py_VISIT(self->entries[slot].value);
    }
    return 0;
}

static int
Table_clear(Table *self)
{
    /* The table is emptied first: what the references release may still use it. */
    Entry *entries = self->entries;
    Py_ssize_t slots = self->slots;
    self->entries = NULL;
    self->slots = self->allocated = self->live = 0;
    self->free = NO_SLOT;
    self->version++;
    if (self->index != NULL) {
        memset(self->index, 0xFF, (self->mask + 1) * sizeof(int32_t));
    }
    Py_XSETREF(self->clock, Py_NewRef(Py_None));
    for (Py_ssize_t slot = 0; slot < slots; slot++) {
        Py_XDECREF(entries[slot].key);
        Py_XDECREF(entries[slot].value);
    }
    PyMem_Free(entries);
    return 0;
}

static void
Table_dealloc(Table *self)
{
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    Py_TRASHCAN_BEGIN(self, Table_dealloc) /* tables may hold tables that hold tables */
    Table_clear(self);
    Py_CLEAR(self->clock);
    PyMem_Free(self->hits);
    PyMem_Free(self->index);
    type->tp_free(self);
    Py_DECREF(type);
    Py_TRASHCAN_END
}

#define METHOD(name, function, flags, doc) {name, (PyCFunction)(void (*)(void))function, flags, PyDoc_STR(doc)}

static PyMethodDef methods[] = {
    METHOD("get", Table_get, METH_FASTCALL | METH_KEYWORDS,
           "get(key, default=None)\n--\n\nReturn the value of `key`, and count the hit; `default` if none lives."),
    METHOD("find", Table_find, METH_O, "find(key)\n--\n\nReturn the slot of `key`, or -1."),
    METHOD("put", Table_put, METH_VARARGS,
           "put(key, value, expires_at)\n--\n\nTake a key that is not there and return its slot."),
    METHOD("replace", Table_replace, METH_VARARGS,
           "replace(slot, value, expires_at)\n--\n\nGive the key of `slot` another value; hits stay."),
    METHOD("remove", Table_remove, METH_O, "remove(slot)\n--\n\nForget the entry in `slot`."),
    METHOD("item", Table_item, METH_O, "item(slot)\n--\n\nReturn key, value and end of the entry in `slot`."),
    METHOD("is_free", Table_is_free, METH_O, "is_free(slot)\n--\n\nSay whether no entry is in `slot`."),
    METHOD("take_hits", Table_take_hits, METH_O,
           "take_hits(slot)\n--\n\nReturn how often `slot` was hit since the last call, 127 at most."),
    METHOD("was_hit", Table_was_hit, METH_O, "was_hit(slot)\n--\n\nSay whether `slot` was ever hit."),
    METHOD("__sizeof__", Table_sizeof, METH_NOARGS, "Bytes without those of keys and values."),
    {NULL, NULL, 0, NULL},
};

static PyMemberDef members[] = {
    {"hits", T_ULONGLONG, offsetof(Table, total_hits), READONLY, PyDoc_STR("Lookups that found a value, ever.")},
    {"misses", T_ULONGLONG, offsetof(Table, misses), READONLY, PyDoc_STR("Lookups that found nothing that lives.")},
    {NULL, 0, 0, 0, NULL},
};

static PyGetSetDef properties[] = {
    {"slots", (getter)Table_slots, NULL, PyDoc_STR("How many slots there are, free ones included."), NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot table_slots[] = {
    {Py_tp_doc, PyDoc_STR("Table(clock)\n--\n\nA dict with expiry, whose hits are counted; see table.py.")},
    {Py_tp_new, Table_new},
    {Py_tp_init, Table_init},
    {Py_tp_dealloc, Table_dealloc},
    {Py_tp_traverse, Table_traverse},
    {Py_tp_clear, Table_clear},
    {Py_tp_methods, methods},
    {Py_tp_members, members},
    {Py_tp_getset, properties},
    {Py_mp_length, Table_length},
    {0, NULL},
};

static PyType_Spec table_spec = {
    .name = "postopt.caching._table.Table",
    .basicsize = sizeof(Table),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    .slots = table_slots,
};

static int
execute(PyObject *module)
{
    PyObject *type = PyType_FromSpec(&table_spec);
    if (type == NULL) {
        return -1;
    }
    int status = PyModule_AddObjectRef(module, "Table", type);
    Py_DECREF(type);
    return status;
}

static PyModuleDef_Slot module_slots[] = {
    {Py_mod_exec, execute},
    {0, NULL},
};

static PyModuleDef module = {
    PyModuleDef_HEAD_INIT,
    .m_name = "_table",
    .m_doc = PyDoc_STR("The compiled table of memory stores; see table.py."),
    .m_slots = module_slots,
};

PyMODINIT_FUNC
PyInit__table(void)
{
    return PyModuleDef_Init(&module);
}

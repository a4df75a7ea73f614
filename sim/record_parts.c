// Everything of a file but the growing series: scalars, texts, bytes, tables, and the labelled arrays of studies.
#include "sim/record_file.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { ROW_ENTRIES = 250 };

static bool leave(TwRecord *record, TwError *error)
{
    bool good = tw_record_good(record, error);
    tw_hdf_unlock();
    return good;
}

static void end(TwHdf *hdf, hid_t dataset, hid_t group, const char *name)
{
    if (dataset >= 0) tw_hdf_ok(hdf, H5Dclose(dataset) >= 0, name);
    if (group >= 0) H5Gclose(group);
}

bool tw_record_scalar(TwRecord *record, const char *group, const char *name, const char *unit, const char *long_name,
                      double value, TwError *error)
{
    tw_hdf_lock();
    TwHdf *hdf = &record->hdf;
    hid_t above = tw_hdf_group(hdf, group);
    TwHdfShape shape = {.type = H5T_IEEE_F64LE};
    hid_t dataset = tw_hdf_dataset(hdf, above, name, &shape);
    tw_hdf_text(hdf, dataset, "units", unit);
    tw_hdf_text(hdf, dataset, "long_name", long_name);
    tw_hdf_write(hdf, dataset, H5T_NATIVE_DOUBLE, &value);
    end(hdf, dataset, above, name);
    return leave(record, error);
}

bool tw_record_text(TwRecord *record, const char *name, const char *text, TwError *error)
{
    tw_hdf_lock();
    TwHdf *hdf = &record->hdf;
    const char *last;
    hid_t above = tw_hdf_parent(hdf, name, &last), type = H5Tcopy(H5T_C_S1);
    H5Tset_size(type, H5T_VARIABLE);
    H5Tset_cset(type, H5T_CSET_UTF8);
    TwHdfShape shape = {.type = type};
    hid_t dataset = tw_hdf_dataset(hdf, above, last, &shape);
    tw_hdf_write(hdf, dataset, type, &text);
    end(hdf, dataset, above, name);
    H5Tclose(type);
    return leave(record, error);
}

bool tw_record_attribute(TwRecord *record, const char *name, const char *text, TwError *error)
{
    return tw_record_attribute_of(record, "", name, text, error);
}

bool tw_record_attribute_of(TwRecord *record, const char *variable, const char *name, const char *text, TwError *error)
{
    assert(strlen(text) < 60000);    // HDF5 keeps less than 64 kB in an attribute: longer text is a dataset
    tw_hdf_lock();
    TwHdf *hdf = &record->hdf;
    hid_t object = hdf->failed ? -1 : H5Oopen(hdf->file, *variable ? variable : "/", H5P_DEFAULT);
    if (tw_hdf_ok(hdf, object >= 0, variable)) {
        tw_hdf_text(hdf, object, name, text);
        H5Oclose(object);
    }
    return leave(record, error);
}

bool tw_record_bytes(TwRecord *record, const char *name, const void *bytes, size_t count, TwError *error)
{
    assert(count > 0);
    tw_hdf_lock();
    TwHdf *hdf = &record->hdf;
    const char *last;
    char dimension[256];
    hid_t above = tw_hdf_parent(hdf, name, &last);
    snprintf(dimension, sizeof dimension, "%s_byte", last);
    tw_hdf_dimension(hdf, above, dimension, count, false);
    TwHdfShape shape = {.type = H5T_STD_U8LE, .rank = 1, .size = {count}, .chunk = {count < 1 << 20 ? count : 1 << 20}};
    hid_t dataset = tw_hdf_dataset(hdf, above, last, &shape);
    tw_hdf_attach(hdf, dataset, above, dimension, 0);
    tw_hdf_write(hdf, dataset, H5T_NATIVE_UINT8, bytes);
    end(hdf, dataset, above, name);
    return leave(record, error);
}

// ---- tables ---------------------------------------------------------------------------------------------------------

static void column_write(TwHdf *hdf, hid_t group, const char *dimension, const TwColumn *column, int rows)
{
    hsize_t count = (hsize_t)rows, chunk = count < 4096 ? count + (count == 0) : 4096;
    TwHdfShape shape = {.rank = 1, .size = {count}, .chunk = {chunk, 1}, .grows = true};
    size_t width = 1;
    char *texts = NULL, length[256];
    if (column->texts) {
        texts = tw_hdf_rows(column->texts, count, &width);
        shape.rank = 2;
        shape.size[1] = shape.chunk[1] = width;
        snprintf(length, sizeof length, "%s_len", column->name);
        tw_hdf_dimension(hdf, group, length, width, false);
    }
    shape.type = texts ? H5T_C_S1 : column->integers ? H5T_STD_I64LE : H5T_IEEE_F64LE;
    hid_t dataset = tw_hdf_dataset(hdf, group, column->name, &shape);
    tw_hdf_text(hdf, dataset, "units", column->unit && *column->unit ? column->unit : NULL);
    tw_hdf_text(hdf, dataset, "long_name", column->long_name);
    if (texts)
        tw_hdf_text(hdf, dataset, "_Encoding", "utf-8");
    else if (column->numbers)
        tw_hdf_fill_nan(hdf, dataset, shape.type);
    tw_hdf_attach(hdf, dataset, group, dimension, 0);
    if (texts) tw_hdf_attach(hdf, dataset, group, length, 1);
    if (rows > 0 && texts)
        tw_hdf_write(hdf, dataset, H5T_C_S1, texts);
    else if (rows > 0 && column->integers)
        tw_hdf_write(hdf, dataset, H5T_NATIVE_INT64, column->integers);
    else if (rows > 0)
        tw_hdf_write(hdf, dataset, H5T_NATIVE_DOUBLE, column->numbers);
    end(hdf, dataset, -1, column->name);
    free(texts);
}

bool tw_record_table(TwRecord *record, const char *group, const TwColumn *columns, int column_count, int rows,
                     TwError *error)
{
    tw_hdf_lock();
    TwHdf *hdf = &record->hdf;
    const char *slash = strrchr(group, '/'), *dimension = slash ? slash + 1 : group;
    hid_t at = tw_hdf_group(hdf, group);
    tw_hdf_dimension(hdf, at, dimension, (hsize_t)rows, true);
    for (int i = 0; i < column_count; i++) {
        assert(strcmp(columns[i].name, dimension) != 0);
        column_write(hdf, at, dimension, &columns[i], rows);
    }
    if (at >= 0) H5Gclose(at);
    return leave(record, error);
}

// ---- labelled arrays ------------------------------------------------------------------------------------------------

bool tw_record_axis(TwRecord *record, const char *name, const char *unit, const char *long_name, int count,
                    const double *numbers, const char *const *labels, TwError *error)
{
    tw_hdf_lock();
    TwHdf *hdf = &record->hdf;
    const char *last;
    hid_t above = tw_hdf_parent(hdf, name, &last);
    if (labels) {
        tw_hdf_names(hdf, above, last, labels, count, long_name);
    } else if (numbers) {
        TwHdfShape shape = {.type = H5T_IEEE_F64LE, .rank = 1, .size = {(hsize_t)count}};
        hid_t dataset = tw_hdf_dataset(hdf, above, last, &shape);
        tw_hdf_scale(hdf, dataset, last);
        tw_hdf_text(hdf, dataset, "units", unit);
        tw_hdf_text(hdf, dataset, "long_name", long_name);
        tw_hdf_write(hdf, dataset, H5T_NATIVE_DOUBLE, numbers);
        end(hdf, dataset, -1, name);
    } else {
        tw_hdf_dimension(hdf, above, last, (hsize_t)count, false);
    }
    if (above >= 0) H5Gclose(above);
    return leave(record, error);
}

// A dimension is looked for in the array's own group, then in the root.
static hid_t axis_open(TwHdf *hdf, hid_t group, const char *dimension)
{
    if (hdf->failed) return -1;
    hid_t from = H5Lexists(group, dimension, H5P_DEFAULT) > 0 ? group : hdf->file;
    hid_t scale = H5Dopen2(from, dimension, H5P_DEFAULT);
    tw_hdf_ok(hdf, scale >= 0, dimension);
    return scale;
}

// Sizes from the axes; chunks of at most 1 MB over the last dimensions once an array is worth compressing.
static void shape_take(TwHdf *hdf, hid_t group, const char *const *dimensions, int count, TwHdfShape *shape)
{
    hsize_t total = 1;
    for (int d = 0; d < count; d++) {
        hid_t scale = axis_open(hdf, group, dimensions[d]);
        if (scale < 0) return;
        hid_t space = H5Dget_space(scale);
        hsize_t size[2] = {0, 0};
        H5Sget_simple_extent_dims(space, size, NULL);
        H5Sclose(space);
        H5Dclose(scale);
        shape->size[d] = size[0];
        total *= size[0];
    }
    shape->rank = count;
    hsize_t room = 131072;
    for (int d = count - 1; d >= 0 && total > 4096; d--) {
        shape->chunk[d] = shape->size[d] < room ? shape->size[d] : room;
        room = room / shape->chunk[d] > 0 ? room / shape->chunk[d] : 1;
    }
}

static hid_t array_create(TwHdf *hdf, hid_t group, const char *name, TwHdfShape *shape, const char *const *dimensions,
                          int count)
{
    assert(count <= TW_HDF_RANK - 1);
    hid_t type = shape->type;
    shape_take(hdf, group, dimensions, count, shape);
    if (type == H5T_C_S1) {    // characters: the caller left their number in size[TW_HDF_RANK - 1]
        shape->size[count] = shape->size[TW_HDF_RANK - 1];
        if (shape->chunk[0] > 0) shape->chunk[count] = shape->size[count];
        shape->rank = count + 1;
    }
    hid_t dataset = tw_hdf_dataset(hdf, group, name, shape);
    for (int d = 0; d < count && !hdf->failed; d++) {
        hid_t from = H5Lexists(group, dimensions[d], H5P_DEFAULT) > 0 ? group : hdf->file;
        tw_hdf_attach(hdf, dataset, from, dimensions[d], d);
    }
    return dataset;
}

bool tw_record_array(TwRecord *record, const char *name, const char *unit, const char *long_name,
                     const char *const *dimensions, int dimension_count, const double *values, TwError *error)
{
    tw_hdf_lock();
    TwHdf *hdf = &record->hdf;
    const char *last;
    hid_t above = tw_hdf_parent(hdf, name, &last);
    TwHdfShape shape = {.type = H5T_IEEE_F64LE};
    hid_t dataset = array_create(hdf, above, last, &shape, dimensions, dimension_count);
    tw_hdf_text(hdf, dataset, "units", unit);
    tw_hdf_text(hdf, dataset, "long_name", long_name);
    tw_hdf_fill_nan(hdf, dataset, shape.type);
    tw_hdf_write(hdf, dataset, H5T_NATIVE_DOUBLE, values);
    end(hdf, dataset, above, name);
    return leave(record, error);
}

bool tw_record_flags(TwRecord *record, const char *name, const char *long_name, const char *const *dimensions,
                     int dimension_count, const signed char *values, const char *meanings, TwError *error)
{
    tw_hdf_lock();
    TwHdf *hdf = &record->hdf;
    const char *last;
    hid_t above = tw_hdf_parent(hdf, name, &last);
    TwHdfShape shape = {.type = H5T_STD_I8LE};
    hid_t dataset = array_create(hdf, above, last, &shape, dimensions, dimension_count);
    tw_hdf_text(hdf, dataset, "long_name", long_name);
    signed char flags[64], count = 0;
    for (const char *c = meanings; *c && count < 64; c++)
        if (c == meanings || c[-1] == ' ') flags[count] = count, count++;
    tw_hdf_flags(hdf, dataset, "flag_values", flags, count);
    tw_hdf_text(hdf, dataset, "flag_meanings", meanings);
    tw_hdf_write(hdf, dataset, H5T_NATIVE_SCHAR, values);
    end(hdf, dataset, above, name);
    return leave(record, error);
}

bool tw_record_texts(TwRecord *record, const char *name, const char *long_name, const char *const *dimensions,
                     int dimension_count, const char *const *texts, TwError *error)
{
    tw_hdf_lock();
    TwHdf *hdf = &record->hdf;
    const char *last;
    hid_t above = tw_hdf_parent(hdf, name, &last);
    TwHdfShape sizes = {.type = H5T_IEEE_F64LE}, shape = {.type = H5T_C_S1};
    shape_take(hdf, above, dimensions, dimension_count, &sizes);
    size_t total = 1, width;
    for (int d = 0; d < dimension_count; d++) total *= sizes.size[d];
    char *rows = tw_hdf_rows(texts, hdf->failed ? 0 : total, &width), length[256];
    snprintf(length, sizeof length, "%s_len", last);
    tw_hdf_dimension(hdf, above, length, width, false);
    shape.size[TW_HDF_RANK - 1] = width;
    hid_t dataset = array_create(hdf, above, last, &shape, dimensions, dimension_count);
    tw_hdf_text(hdf, dataset, "long_name", long_name);
    tw_hdf_text(hdf, dataset, "_Encoding", "utf-8");
    tw_hdf_attach(hdf, dataset, above, length, dimension_count);
    tw_hdf_write(hdf, dataset, H5T_C_S1, rows);
    end(hdf, dataset, above, name);
    free(rows);
    return leave(record, error);
}

// ---- arrays written a row at a time ---------------------------------------------------------------------------------

static hid_t rows_create(TwHdf *hdf, hid_t above, const char *name, const TwRowsInfo *info, TwHdfShape *shape)
{
    int count = info->dimension_count;
    hid_t dataset = tw_hdf_dataset(hdf, above, name, shape);
    for (int d = 0; d < count && !hdf->failed; d++) {
        hid_t from = H5Lexists(above, info->dimensions[d], H5P_DEFAULT) > 0 ? above : hdf->file;
        tw_hdf_attach(hdf, dataset, from, info->dimensions[d], d);
    }
    tw_hdf_text(hdf, dataset, "units", info->unit);
    tw_hdf_text(hdf, dataset, "long_name", info->long_name);
    tw_hdf_text(hdf, dataset, "cell_methods", info->method);
    if (info->bits) tw_hdf_integers(hdf, dataset, "significant_bits", &info->bits, 1);
    tw_hdf_fill_nan(hdf, dataset, shape->type);
    return dataset;
}

bool tw_record_rows(TwRecord *record, const char *name, const TwRowsInfo *info, TwError *error)
{
    tw_hdf_lock();
    TwHdf *hdf = &record->hdf;
    const char *last;
    hid_t above = tw_hdf_parent(hdf, name, &last);
    TwHdfShape shape = {.type = H5T_IEEE_F32LE};
    int count = info->dimension_count;
    shape_take(hdf, above, info->dimensions, count, &shape);
    for (int d = 0; d < count; d++) shape.chunk[d] = d + info->inner < count ? 1 : shape.size[d];
    // of many entries some hundred are a chunk
    if (info->inner == 2 && shape.chunk[count - 1] > ROW_ENTRIES) shape.chunk[count - 1] = ROW_ENTRIES;
    end(hdf, rows_create(hdf, above, last, info, &shape), above, name);
    return leave(record, error);
}

bool tw_record_row(TwRecord *record, const char *name, int inner, size_t row, const float *values, TwError *error)
{
    tw_hdf_lock();
    TwHdf *hdf = &record->hdf;
    hid_t dataset = hdf->failed ? -1 : H5Dopen2(hdf->file, name, H5P_DEFAULT);
    if (tw_hdf_ok(hdf, dataset >= 0, name)) {
        hid_t space = H5Dget_space(dataset);
        hsize_t size[TW_HDF_RANK], from[TW_HDF_RANK], count[TW_HDF_RANK], flat = 1;
        int rank = H5Sget_simple_extent_dims(space, size, NULL);
        size_t rest = row;
        for (int d = rank - 1; d >= 0; d--) {
            bool inside = d >= rank - inner;
            count[d] = inside ? size[d] : 1;
            from[d] = inside ? 0 : rest % size[d];
            if (inside)
                flat *= size[d];
            else
                rest /= size[d];
        }
        hid_t memory = H5Screate_simple(1, &flat, NULL);
        bool good = H5Sselect_hyperslab(space, H5S_SELECT_SET, from, NULL, count, NULL) >= 0 &&
                    H5Dwrite(dataset, H5T_NATIVE_FLOAT, memory, space, H5P_DEFAULT, values) >= 0;
        tw_hdf_ok(hdf, good, name);
        H5Sclose(memory);
        H5Sclose(space);
    }
    end(hdf, dataset, -1, name);
    return leave(record, error);
}

// Lays one piece of another file into the list of a virtual dataset.
static bool map_piece(hid_t list, const TwHdfShape *shape, const TwRowsInfo *info, const TwPiece *piece,
                      const char *name)
{
    hsize_t from[TW_HDF_RANK], count[TW_HDF_RANK];
    hsize_t there[2] = {(hsize_t)piece->steps, (hsize_t)piece->width};
    hsize_t begin[2] = {0, (hsize_t)piece->from}, block[2] = {(hsize_t)piece->steps, (hsize_t)piece->entries};
    int rank = info->dimension_count, outer = rank - info->inner;
    size_t rest = piece->row;
    for (int d = outer - 1; d >= 0; d--) {
        from[d] = rest % shape->size[d];
        count[d] = 1;
        rest /= shape->size[d];
    }
    from[outer] = 0;
    count[outer] = (hsize_t)piece->steps;
    if (info->inner == 2) {
        from[outer + 1] = (hsize_t)piece->to;
        count[outer + 1] = (hsize_t)piece->entries;
    }
    hid_t here = H5Screate_simple(rank, shape->size, NULL), source = H5Screate_simple(info->inner, there, NULL);
    bool good = H5Sselect_hyperslab(here, H5S_SELECT_SET, from, NULL, count, NULL) >= 0 &&
                H5Sselect_hyperslab(source, H5S_SELECT_SET, begin, NULL, block, NULL) >= 0 &&
                H5Pset_virtual(list, here, piece->file, name, source) >= 0;
    H5Sclose(here);
    H5Sclose(source);
    return good;
}

bool tw_record_virtual(TwRecord *record, const char *name, const TwRowsInfo *info, const TwPiece *pieces,
                       int piece_count, TwError *error)
{
    tw_hdf_lock();
    TwHdf *hdf = &record->hdf;
    const char *last;
    hid_t above = tw_hdf_parent(hdf, name, &last), list = H5Pcreate(H5P_DATASET_CREATE);
    TwHdfShape shape = {.type = H5T_IEEE_F32LE, .pieces = list};
    shape_take(hdf, above, info->dimensions, info->dimension_count, &shape);
    memset(shape.chunk, 0, sizeof shape.chunk);
    bool good = true;
    for (int i = 0; good && i < piece_count; i++) good = map_piece(list, &shape, info, &pieces[i], name);
    tw_hdf_ok(hdf, good, name);
    end(hdf, rows_create(hdf, above, last, info, &shape), above, name);
    H5Pclose(list);
    return leave(record, error);
}

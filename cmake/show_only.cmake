# show_only(target names): the shared library's dynamic symbols are these and no others. Hidden visibility does not reach
# the templates of the standard library, which say default themselves.
function(show_only target names)
  if(APPLE)
    target_link_options(${target} PRIVATE "LINKER:-exported_symbol,_${names}")
  else()
    set(script ${CMAKE_CURRENT_BINARY_DIR}/${target}.map)
    file(WRITE ${script} "{ global: ${names}; local: *; };\n")
    target_link_options(${target} PRIVATE "LINKER:--version-script=${script}")
  endif()
endfunction()
